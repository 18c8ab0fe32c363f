"""What `make docs` adds to MkDocs, as its hooks.

Documents stay as they are read in the repository. Three things differ on a site:

- Documents outside of docs, such as SECURITY.md, become pages where a link leads to them, and README.md the first page. Other files,
  such as a unit or a script, become pages that show their text, and folders lists of what they have. A link that leads to nothing is
  left, and fails the build.
- Anchors are made of headings by GitHub's rules, so that a link to a part works at both places.
- Lists are those of CommonMark: they need no empty line before them, and what belongs to an item is indented by as much as its text.
"""
import os
import posixpath
import re
import unicodedata

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOCS = "docs/"
SHOWN = {
    ".py": "python", ".sh": "bash", ".swift": "swift", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".tpl": "yaml",
    ".js": "javascript", ".css": "css", ".html": "html", ".service": "ini", ".socket": "ini", ".toml": "toml",
}
# A file that is shown has a limit; what is larger is looked at in the repository.
SHOWN_BYTES = 200_000
# Material loads this from another site; ours is in search.js.
FRAME_SHIM = "https://unpkg.com/iframe-worker/shim"
SEARCH = "assets/javascripts/search-from-files.js"
STYLE = "assets/stylesheets/kuma-trace.css"
LOADED = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=["'](?:https?:)?//[^"']+""")
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
FENCE = re.compile(r"^(\s*)(```+|~~~+)(.*)$")
ITEM = re.compile(r"^(\s*)([-*+]|\d{1,9}[.)])(\s+)(?=\S)")


def slug(heading, separator):
    """The anchor of a heading, by GitHub's rules."""
    text = unicodedata.normalize("NFC", re.sub(r"<[^>]+>", "", heading)).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", separator)


def page_of(path):
    """The page on the site of a file or a folder of the repository."""
    if path == "README.md":
        return "index.md"
    if path.startswith(DOCS) and os.path.isfile(os.path.join(ROOT, path)):
        return path[len(DOCS):]
    if path.endswith(".md"):
        return path
    return f"files/{path}.md" if path else "files/repository.md"


def outside_code(text):
    """The lines of a text, each with whether it is code."""
    fence = None
    for line in text.split("\n"):
        found = FENCE.match(line)
        if fence:
            yield line, True
            if found and found[2].startswith(fence) and not found[3].strip():
                fence = None
        elif found:
            fence = found[2]
            yield line, True
        else:
            yield line, False


def target_of(link, path):
    """The path in the repository to which a link of a document leads, and its anchor; None for what is no such link."""
    if re.match(r"[a-z][a-z0-9+.-]*:|#|/", link):
        return None
    file, mark, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    return ("" if target == "." else target, mark + anchor)


def with_links(text, path, visit):
    """A document with its links turned into those of the site. `visit` gets each path that is there."""
    page = page_of(path)

    def turned(match):
        found = target_of(match[2], path)
        if not found or found[0].startswith("..") or not os.path.exists(os.path.join(ROOT, found[0])):
            return match[0]
        visit(found[0])
        return match[1] + posixpath.relpath(page_of(found[0]), posixpath.dirname(page) or ".") + found[1] + match[3]

    lines = []
    for paragraph, code in paragraphs(text):
        lines.append(paragraph if code else LINK.sub(turned, paragraph))
    return "\n".join(lines)


def paragraphs(text):
    """Runs of lines that are code or not, since a link may go over the end of a line."""
    run, kind = [], False
    for line, code in outside_code(text):
        if run and code != kind:
            yield "\n".join(run), kind
            run = []
        kind = code
        run.append(line)
    yield "\n".join(run), kind


def with_lists(text):
    """A document whose lists Python's Markdown reads as CommonMark does: four spaces for each level, an empty line before."""
    result, items, before = [], [], ""
    for line, code in outside_code(text):
        indent = len(line) - len(line.lstrip(" "))
        item = None if code else ITEM.match(line)
        if not line.strip():
            result.append(line)
            before = ""
            continue
        # A line that is less indented than an item's text ends the item, unless it goes on with its paragraph.
        while items and indent < items[-1] and (item or code or before == "" or line.startswith(("#", "|", "```"))):
            items.pop()
        level = len(items)
        inside = items[-1] if items else 0
        if item:
            if not items and before and not ITEM.match(before):
                result.append("")
            result.append("    " * level + line.lstrip(" "))
            items.append(len(item[0]))
        else:
            if not code and items and before and line.lstrip().startswith("|"):
                result.append("")
            result.append("    " * level + line[min(indent, inside):])
        before = line
    return "\n".join(result)


def shown(path):
    """A page that shows a file, or what a folder has."""
    whole = os.path.join(ROOT, path)
    head = f"---\nsearch:\n  exclude: true\n---\n# {path or 'The repository'}\n\n"
    if os.path.isdir(whole):
        names = sorted(name for name in os.listdir(whole) if not name.startswith("."))
        return head + "\n".join(
            f"- `{name}{'/' if os.path.isdir(os.path.join(whole, name)) else ''}`" for name in names) + "\n"
    with open(whole, "rb") as file:
        text = file.read(SHOWN_BYTES).decode(errors="replace")
    kind = SHOWN.get(os.path.splitext(path)[1]) or ("bash" if text.startswith("#!") and "sh" in text.split("\n")[0] else "text")
    fence = "`" * (max((len(ticks) for ticks in re.findall(r"`+", text)), default=2) + 1 if "```" in text else 3)
    return f"{head}{fence}{kind}\n{text.rstrip()}\n{fence}\n"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def on_config(config):
    config.extra_css.append(STYLE)
    config.mdx_configs.setdefault("toc", {}).update(slugify=slug, permalink=True)
    return config


def on_files(files, config):
    """Adds the pages to which links lead that begin at the documents."""
    wanted = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "Benchmarks/README.md"]
    wanted += sorted(DOCS + file.src_uri for file in files if file.src_uri.endswith(".md"))
    seen = set(wanted)

    def visit(path):
        if path not in seen:
            seen.add(path)
            wanted.append(path)

    while wanted:
        path = wanted.pop(0)
        page = page_of(path)
        is_document = path.endswith(".md")
        if is_document:
            content = with_lists(with_links(read(path), path, visit))
        elif path.startswith(DOCS) and os.path.isfile(os.path.join(ROOT, path)):
            continue
        else:
            content = shown(path)
        earlier = files.get_file_from_path(page)
        if earlier:
            files.remove(earlier)
        files.append(File.generated(config, page, content=content))
    files.append(File.generated(config, SEARCH, abs_src_path=os.path.join(HERE, "search.js")))
    files.append(File.generated(config, STYLE, abs_src_path=os.path.join(HERE, "style.css")))
    return files


def alone(output, url):
    """A page that loads nothing from another site; an error if it would."""
    output = output.replace(FRAME_SHIM, "../" * url.count("/") + SEARCH)
    if found := LOADED.search(output):
        raise PluginError(f"{url} loads something from another site: {found[0]}")
    return output


def on_post_page(output, page, config):
    return alone(output, page.url)


def on_post_template(output, template_name, config):
    return alone(output, template_name) if template_name.endswith(".html") else output
