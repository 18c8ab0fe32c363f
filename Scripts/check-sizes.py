#!/usr/bin/env python3
"""Checks that nothing grows past what one reader can hold: Swift files, JavaScript functions, targets.

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

# What of JavaScript is no code, the ends of templates' parts, and the signs that functions are told by.
JAVASCRIPT = re.compile(
    r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
    r"|(?<=[(,=:\[!&|?{};])[ ]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*|[`(){}]", re.DOTALL)
TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{)", re.DOTALL)
BLOCK = re.compile(r"\b(?:if|for|while|switch|catch|with)\s*$")


def lines_of(file):
    return len(file.read_text(encoding="utf-8").splitlines())


def javascript_functions(text):
    """The functions of a JavaScript source: the line where the body begins, and how many lines it has."""
    parentheses, closed, braces, functions = [], {}, [], []
    index = 0
    while (match := JAVASCRIPT.search(text, index)) is not None:
        index, sign = match.end(), match.group()
        if sign == "(":
            parentheses.append(match.start())
        elif sign == ")" and parentheses:
            closed[match.start()] = parentheses.pop()
        elif sign == "{":
            before = text[:match.start()].rstrip()
            opening = closed.get(len(before) - 1)
            named = opening is not None and not BLOCK.search(text[max(0, opening - 20):opening])
            braces.append(match.start() if named or before.endswith("=>") else None)
        elif sign == "}" and braces:
            begin = braces.pop()
            if begin == "template":
                index = template_end(text, index, braces)
            elif begin is not None:
                functions.append((text.count("\n", 0, begin) + 1, text.count("\n", begin, index) + 1))
        elif sign == "`":
            index = template_end(text, index, braces)
    return functions


def template_end(text, index, braces):
    """Where a template, or its part before what it interpolates, ends."""
    match = TEMPLATE.match(text, index)
    if match is not None and match.group().endswith("{"):
        braces.append("template")
    return match.end() if match is not None else len(text)


def check_files(root):
    """Swift files and JavaScript functions that are too long."""
    faults = []
    for folder in ("Sources", "Tests", "Benchmarks/Sources"):
        for file in sorted((root / folder).rglob("*.swift")):
            path = file.relative_to(root)
            if path.parts[1] not in GENERATED and lines_of(file) > FILE_LINES:
                faults.append(f"{path} has {lines_of(file)} lines; {FILE_LINES} are the most")
        for file in sorted((root / folder).rglob("*.js")):
            for line, count in javascript_functions(file.read_text(encoding="utf-8")):
                if count > FUNCTION_LINES:
                    path = file.relative_to(root)
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
