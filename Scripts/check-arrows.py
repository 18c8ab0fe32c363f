#!/usr/bin/env python3
"""Checks the walls that docs/architecture.md draws.

  Scripts/check-arrows.py

The table under "Rooms" there is the only list: its last column says which of our targets a target may import, and after
`outside:` which modules of others; without `outside:` it may import any of those. This program compares the table with the
imports in the sources and with the dependencies in Package.swift. It also refuses cycles: between targets, and between the
folders of one target. A folder depends on another one when it names a type that the other one declares. Types are found in
the text of the sources, without comments and strings; an extension belongs to the folder where it stands. Programs are started
by ProcessSupervisor, not by Foundation. Last, every path and every type that docs/architecture.md names must exist.

Exit status 1, with a line for each fault, when there is one.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = pathlib.Path("docs/architecture.md")
# The folders of generated targets follow the protocol files that they come from.
GENERATED = {"EnvoyAPI"}
# Names in a folder that are no types of another folder, although they look so: (target, folder, name) and the reason.
FALSE_HITS = {}

# Modules that stand for another one: the C library has a name for each system.
ALIASES = {"Musl": "Glibc"}

IMPORT = re.compile(
    r"^\s*(?:#if.*)?(?:@\w+(?:\([^)]*\))?\s+)*(?:public\s+|package\s+|internal\s+|fileprivate\s+|private\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?([A-Za-z_]\w*)")


# --- The table -------------------------------------------------------------------------------------------------------
class Wall(collections.namedtuple("Wall", "ours outside")):
    """What a target may import: our targets, and modules of others, or None where those are free."""


def read_table(text):
    """The walls by target, from the table whose last column is "May import", and what is wrong in it."""
    walls, faults, inside = {}, [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == "May import":
            inside = True
        elif inside and not set(cells[-1]) <= set("-: "):
            names = [name.strip(" `") for name in cells[0].split(",")]
            ours, _, outside = cells[-1].partition("outside:")
            wall = Wall(read_names(ours.strip(" ;")), read_names(outside) if outside else None)
            for name in names:
                if name in walls:
                    faults.append(f"{DOCUMENT}: the table has two rows for {name}")
                walls[name] = wall
    if not walls:
        faults.append(f"{DOCUMENT}: there is no table whose last column is \"May import\"")
    for name, wall in walls.items():
        for other in sorted(wall.ours - walls.keys()):
            faults.append(f"{DOCUMENT}: {name} may import \"{other}\", which is no target of the table")
    return walls, faults


def read_names(cell):
    """The names in a cell: commas between them, or the word nothing."""
    if cell.strip() in ("nothing", "nothing of ours"):
        return frozenset()
    return frozenset(name.strip(" `") for name in cell.split(","))


# --- Targets ---------------------------------------------------------------------------------------------------------
def imports(root, folder):
    """Every module that the sources of a folder import, with the places where."""
    found = collections.defaultdict(list)
    for file in sorted(folder.rglob("*.swift")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = IMPORT.match(line)
            if match:
                found[match.group(1)].append(f"{file.relative_to(root)}:{number}")
    return found


def check_imports(root, walls):
    """What the sources import and must not."""
    faults = []
    targets = {name.replace("-", "_"): name for name in walls}
    folders = {path.name: path for path in (root / "Sources").iterdir() if path.is_dir()}
    for name in sorted(folders.keys() - walls.keys()):
        faults.append(f"Sources/{name}: the table in {DOCUMENT} has no row for this target")
    for name in sorted(walls.keys() - folders.keys()):
        faults.append(f"{DOCUMENT}: there is no folder Sources/{name}; remove the row")
    for name in sorted(walls.keys() & folders.keys()):
        wall = walls[name]
        for module, places in sorted(imports(root, folders[name]).items()):
            other = targets.get(module)
            if other is None:
                forbidden = wall.outside is not None and ALIASES.get(module, module) not in wall.outside
            else:
                forbidden = other != name and other not in wall.ours
            if forbidden:
                faults.append(f"{places[0]}: {name} must not import {other or module}")
    return faults


def check_package(package, walls):
    """What the package lets targets depend on and the table does not; `package` is that of `swift package dump-package`."""
    faults = []
    programs = {target["name"] for target in package["targets"] if target["type"] == "executable"}
    for target in package["targets"]:
        name = target["name"]
        if target["type"] == "test":
            continue
        if name not in walls:
            faults.append(f"Package.swift: the table in {DOCUMENT} has no row for the target {name}")
            continue
        names = {dependency["byName"][0] for dependency in target["dependencies"] if "byName" in dependency}
        for other in sorted(names - walls[name].ours):
            faults.append(f"Package.swift: {name} must not depend on {other}")
        for other in sorted(names & programs):
            faults.append(f"Package.swift: {name} must not depend on the program {other}")
    return faults


def find_cycles(arrows):
    """Groups of names that reach each other over `arrows`, a set of names for each name."""

    def reach(start):
        seen, waiting = set(), [start]
        while waiting:
            for other in arrows.get(waiting.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return seen

    reached = {name: reach(name) for name in arrows}
    groups = {frozenset(other for other in names if name in reached.get(other, ())) for name, names in reached.items()}
    return sorted(sorted(group) for group in groups if len(group) > 1)


# --- Folders ---------------------------------------------------------------------------------------------------------
def code_of(text):
    """Swift's text with comments and strings blanked, but for what strings interpolate. Lines stay where they are."""
    code = []

    def blank(part):
        code.append(re.sub(r"[^\n]", " ", part))

    def skip_code(index, closing):
        """Copies code up to the parenthesis that closes an interpolation, or to the end; gives the index behind it."""
        depth = 0
        while index < len(text):
            match = TOKEN.match(text, index)
            if match is None:
                character = text[index]
                depth += (character == "(") - (character == ")")
                code.append(character)
                index += 1
                if closing and depth < 0:
                    return index
            elif match.group("comment"):
                blank(match.group())
                index = match.end()
            elif match.group("block"):
                index = skip_block(index)
            else:
                blank(match.group())
                index = skip_string(match.end(), match.group("hashes"), match.group("quotes"))
        return index

    def skip_block(index):
        """Blanks a comment that may hold comments."""
        begin, depth = index, 0
        for match in re.compile(r"/\*|\*/").finditer(text, index):
            depth += 1 if match.group() == "/*" else -1
            if depth == 0:
                blank(text[begin:match.end()])
                return match.end()
        blank(text[begin:])
        return len(text)

    def skip_string(index, hashes, quotes):
        """Blanks a string up to its end; what it interpolates is code."""
        special = re.compile(rf"{quotes}{hashes}|\\{hashes}\(|\\{hashes}.|\n" if quotes == '"' else
                             rf"{quotes}{hashes}|\\{hashes}\(|\\{hashes}.")
        while (match := special.search(text, index)) is not None:
            blank(text[index:match.end()])
            index = match.end()
            if match.group().endswith("("):
                index = skip_code(index, closing=True)
            elif not match.group().startswith("\\"):
                return index
        blank(text[index:])
        return len(text)

    skip_code(0, closing=False)
    return "".join(code)


TOKEN = re.compile(r'(?P<comment>//[^\n]*)|(?P<block>/\*)|(?P<hashes>#*)(?P<quotes>"""|")')
WORD = re.compile(
    r"(?P<import>^[^\n\w@]*(?:@\w+(?:\([^)\n]*\))?\s+)*(?:\w+[ ]+)?import\b[^\n]*)"
    r"|\b(?P<kind>struct|class|enum|actor|protocol|typealias|extension)\s+(?P<declared>[A-Z]\w*(?:\.[A-Z]\w*)*)"
    r"|(?:(?<![\w.])|(?<=\.\.\.))(?P<chain>[A-Z]\w*(?:\.[A-Z]\w*)*)"
    r"|(?P<brace>[{}])", re.MULTILINE)
Mention = collections.namedtuple("Mention", "name scopes line")


def scan(text):
    """The types that a source declares, by their full names, and the mentions of types in it, each with what encloses it."""
    declared, mentions = set(), []
    scopes, pending = [], None
    code = code_of(text)
    for match in WORD.finditer(code):
        enclosing = [scope for scope in scopes if scope]
        if match.group("brace") == "{":
            scopes.append(pending)
            pending = None
        elif match.group("brace"):
            del scopes[-1:]
        elif match.group("kind"):
            name = match.group("declared")
            if match.group("kind") == "extension":
                pending = name
                mentions.append((name, enclosing, match.start()))
            else:
                before = code[code.rfind("\n", 0, match.start()) + 1:match.start()]
                full = f"{enclosing[-1]}.{name}" if enclosing else name
                # A private type is known in its file alone, and there a type of the same name elsewhere is not meant.
                declared.add((full, "private" in before))
                if match.group("kind") != "typealias":
                    pending = full
        elif match.group("chain"):
            mentions.append((match.group("chain"), enclosing, match.start()))
    lines = [0] + [match.end() for match in re.finditer("\n", code)]
    number, placed = 0, []
    for name, enclosing, start in mentions:
        while number < len(lines) and lines[number] <= start:
            number += 1
        placed.append(Mention(name, enclosing, number))
    return declared, placed


def resolve(mention, known):
    """The full names of the types that a mention means: `Outer.Inner` means both. `known` says which there are."""
    first, *rest = mention.name.split(".")
    candidates = []
    for scope in reversed(mention.scopes):
        parts = scope.split(".")
        candidates += [".".join([*parts[:count], first]) for count in range(len(parts), 0, -1)]
    for candidate in [*candidates, first]:
        if candidate in known:
            found = [candidate]
            for part in rest:
                if f"{found[-1]}.{part}" not in known:
                    break
                found.append(f"{found[-1]}.{part}")
            return found
    return []


def folder_arrows(target):
    """From each folder of a target to the others: the places where it names a type of theirs, by the type's name."""
    sources = {}
    for file in sorted(target.rglob("*.swift")):
        sources[file.relative_to(target)] = scan(file.read_text(encoding="utf-8"))
    homes = collections.defaultdict(set)
    for file, (declared, _) in sources.items():
        for name, private in declared:
            if not private:
                homes[name].add(file.parent.as_posix())
    arrows = collections.defaultdict(lambda: collections.defaultdict(dict))
    for file, (declared, mentions) in sources.items():
        folder = file.parent.as_posix()
        own = {name for name, _ in declared}
        for mention in mentions:
            for name in resolve(mention, homes.keys() | own):
                if name not in own and folder not in homes[name]:
                    for home in homes[name]:
                        arrows[folder][home].setdefault(name, f"{file}:{mention.line}")
    return arrows


def check_folders(root, false_hits):
    """Cycles between the folders of a target, with the arrows that make them."""
    faults, used = [], set()
    for target in sorted([*(root / "Sources").iterdir(), *(root / "Tests").iterdir()]):
        if target.name in GENERATED:
            continue
        arrows = folder_arrows(target)
        for folder, others in arrows.items():
            for other, names in list(others.items()):
                for name in [name for name in names if (target.name, folder, name) in false_hits]:
                    used.add((target.name, folder, name))
                    del names[name]
                if not names:
                    del others[other]
        for cycle in find_cycles(arrows):
            faults.append(f"{target.relative_to(root)}: the folders {', '.join(map(title, cycle))} depend on each other:")
            for folder in cycle:
                for other in sorted(arrows[folder].keys() & set(cycle)):
                    places = [f"{name} ({place})" for name, place in sorted(arrows[folder][other].items())]
                    more = f" and {len(places) - 6} more" if len(places) > 6 else ""
                    faults.append(f"  {title(folder)} names of {title(other)}: {', '.join(places[:6])}{more}")
    for target, folder, name in sorted(false_hits.keys() - used):
        faults.append(f"Scripts/check-arrows.py: {target}/{folder} does not name {name}; remove it from FALSE_HITS")
    return faults


def title(folder):
    return "(the target's own)" if folder == "." else folder


# --- Processes -------------------------------------------------------------------------------------------------------
FOUNDATION = re.compile(r"^[^\n\w]*(?:@\w+\s+)*(?:\w+ )?import (?:class )?Foundation\b", re.MULTILINE)
PROCESS = re.compile(r"\bFoundation\s*\.\s*Process\b|\bNSTask\b|(?<![\w.])Process\s*(?:\(|\.\s*(?:init|run)\b)")
OWN_PROCESS = re.compile(r"\b(?:struct|class|enum|actor|typealias)\s+Process\b")


def check_processes(root):
    """Sources that start programs with Foundation. A file that declares a type of the same name means that one."""
    faults = []
    for folder in ("Sources", "Tests", "Benchmarks/Sources"):
        for file in sorted((root / folder).rglob("*.swift")):
            code = code_of(file.read_text(encoding="utf-8"))
            match = PROCESS.search(code) if FOUNDATION.search(code) and not OWN_PROCESS.search(code) else None
            if match:
                faults.append(
                    f"{file.relative_to(root)}:{code.count(chr(10), 0, match.start()) + 1}: start programs with "
                    "ProcessSupervisor; Foundation's Process reads beyond the list of open descriptors when it is long, "
                    "which can crash")
    return faults


# --- The document ----------------------------------------------------------------------------------------------------
def check_document(root, text):
    """Paths and types that the document names and that do not exist."""
    faults = []
    known = set()
    for file in (root / "Sources").rglob("*.swift"):
        if file.relative_to(root / "Sources").parts[0] not in GENERATED:
            for full, _ in scan(file.read_text(encoding="utf-8"))[0]:
                known.update((full, full.split(".")[-1]))
    tops = "|".join(re.escape(path.name) for path in root.iterdir() if path.is_dir())
    table = read_table(text)[0]
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{DOCUMENT}:{number}"
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
            if not (root / DOCUMENT.parent / link).exists():
                faults.append(f"{place}: the link to {link} leads nowhere")
        for word in re.findall(r"`([^`]+)`", line):
            if re.match(rf"(?:{tops})/", word):
                if not (root / word).exists():
                    faults.append(f"{place}: there is no {word}")
            # A word of two parts is a type's name; others may be a header's or a product's.
            elif re.fullmatch(r"[A-Z]\w*[a-z]\w*[A-Z]\w*(?:\.[A-Z]\w*)*", word) and word not in known and word not in table:
                faults.append(f"{place}: no source declares {word}")
    return faults


def main():
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    walls, faults = read_table(text)
    faults += check_imports(ROOT, walls)
    for cycle in find_cycles({name: wall.ours for name, wall in walls.items()}):
        faults.append(f"{DOCUMENT}: the targets {', '.join(cycle)} may import each other")
    package = subprocess.run(["swift", "package", "dump-package"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    faults += check_package(json.loads(package), walls)
    faults += check_folders(ROOT, FALSE_HITS)
    faults += check_processes(ROOT)
    faults += check_document(ROOT, text)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"arrows: {len(walls)} targets and their folders depend only on what they may")


if __name__ == "__main__":
    main()
