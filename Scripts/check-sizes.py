#!/usr/bin/env python3
"""Checks that nothing grows past what one reader can hold: files, JavaScript functions, targets.

Generated code does not count. Exit status 1, with a line for each fault, when there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GENERATED = {"EnvoyAPI"}
FILE_LINES = 350
FUNCTION_LINES = 80
# No target may hold this part of the Swift code that is shipped.
TARGET_SHARE = 1 / 5
NOT_SHIPPED = re.compile(r"TestSupport$|^ProxySimulation$")

# What of JavaScript is no code, the beginnings of templates, and the signs by which functions are told.
JAVASCRIPT = re.compile(
    r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
    r"|(?<=[(,=:\[!&|?{};])[ ]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*"
    r"|=>\s*\{?|[`()\[\]{},;]", re.DOTALL)
TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{)", re.DOTALL)
BLOCK = re.compile(r"\b(?:if|for|while|switch|catch|with)\s*$")


def lines_of(file):
    return len(file.read_text(encoding="utf-8").splitlines())


def javascript_functions(text):
    """The functions of a JavaScript source: the line where each begins, and how many lines it has."""
    functions = []
    # What is open: the sign, and where a function begins whose body it is. An arrow without braces ends with its expression.
    open_signs = []
    # Where the parenthesis began that was closed last.
    parameters = 0
    index = 0

    def end(begin, position):
        functions.append((text.count("\n", 0, begin) + 1, text.count("\n", begin, position) + 1))

    def end_arrows(position):
        while open_signs and open_signs[-1][0] == "=>":
            end(open_signs.pop()[1], position)

    while (match := JAVASCRIPT.search(text, index)) is not None:
        start, index, sign = match.start(), match.end(), match.group()
        if sign.startswith("=>"):
            begin = parameters if text[:start].rstrip().endswith(")") else start
            open_signs.append(("{" if sign.endswith("{") else "=>", begin))
        elif sign == "{":
            is_function = text[:start].rstrip().endswith(")") and not BLOCK.search(text[max(0, parameters - 20):parameters])
            open_signs.append(("{", parameters if is_function else None))
        elif sign in "([":
            open_signs.append((sign, start))
        elif sign in ",;":
            end_arrows(start)
        elif sign in ")]}":
            end_arrows(start)
            opening, begin = open_signs.pop() if open_signs else ("", None)
            if opening == "(":
                parameters = begin
            elif opening == "`":
                index = template_end(text, index, open_signs)
            elif opening == "{" and begin is not None:
                end(begin, start)
        elif sign == "`":
            index = template_end(text, index, open_signs)
    return functions


def template_end(text, index, open_signs):
    """Where a template ends, or the part of it that stands before what it interpolates."""
    match = TEMPLATE.match(text, index)
    if match is not None and match.group().endswith("{"):
        open_signs.append(("`", None))
    return match.end() if match is not None else len(text)


def check_files(root):
    """Files and JavaScript functions that are too long."""
    faults = []
    for folder in ("Sources", "Tests", "Benchmarks/Sources"):
        for file in sorted((root / folder).rglob("*.swift")):
            path = file.relative_to(root)
            if path.parts[1] not in GENERATED and lines_of(file) > FILE_LINES:
                faults.append(f"{path} has {lines_of(file)} lines; {FILE_LINES} are the most")
        for file in sorted((root / folder).rglob("*.js")):
            path = file.relative_to(root)
            if lines_of(file) > FILE_LINES:
                faults.append(f"{path} has {lines_of(file)} lines; {FILE_LINES} are the most")
            for line, count in javascript_functions(file.read_text(encoding="utf-8")):
                if count > FUNCTION_LINES:
                    faults.append(f"{path}:{line}: the function has {count} lines; {FUNCTION_LINES} are the most")
    return faults


def check_targets(root):
    """A target that is too large, and a line about the largest one."""
    sizes = {}
    for target in (root / "Sources").iterdir():
        if target.name not in GENERATED and not NOT_SHIPPED.search(target.name):
            sizes[target.name] = sum(map(lines_of, target.rglob("*.swift")))
    total, largest = sum(sizes.values()), max(sizes, key=sizes.get)
    summary = f"{largest} holds {sizes[largest]} of {total} lines"
    if sizes[largest] < total * TARGET_SHARE:
        return [], summary
    return [f"Sources/{summary}, a fifth or more; cut it where it does two things"], summary


def main():
    faults, summary = check_targets(ROOT)
    faults += check_files(ROOT)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"sizes: files and functions are short; the largest target, {summary}")


if __name__ == "__main__":
    main()
