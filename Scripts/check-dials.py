#!/usr/bin/env python3
"""Checks that nothing dials but what SECURITY.md names.

  Scripts/check-dials.py

The table under "What is dialled" there is the only list: its last column names the source files that open connections, or send
datagrams. This program refuses a use of an interface for that in any other file that is shipped, and a file in the table that has
none. What serves tests alone is free.

Exit status 1, with a line for each fault, when there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = pathlib.Path("SECURITY.md")
COLUMN = "In the sources"
NOT_SHIPPED = re.compile(r"TestSupport$|^ProxySimulation$")
SOURCES = {".swift", ".c", ".h"}

# NIO's, AsyncHTTPClient's, gRPC's, Foundation's and libpq's interfaces that open connections, and the system calls.
DIALS = re.compile(
    r"\b(?:ClientBootstrap|DatagramBootstrap|NIORawSocketBootstrap|NIOTSConnectionBootstrap)\("
    r"|\bHTTPClient(?:\(|\.shared\b)"
    r"|\b(?:HTTP2ClientTransport|GRPCClient)\b"
    r"|\bURLSession\b|\bNWConnection\b"
    r"|\bPQ(?:connect\w*|setdb\w*|reset\w*|ping\w*)\("
    r"|\b(?:sendto|sendmsg)\("
    r"|(?<![.\w])connect\([^()]*(?:sockaddr|socklen|\$0|SocketAddress)"
    r"|\b(?:Glibc|Musl)\.connect\(")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def read_table(text):
    """The files of the table, and what is wrong in it."""
    files, faults, inside = set(), [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == COLUMN:
            inside = True
        elif inside and not set(cells[-1]) <= set("-: "):
            named = re.findall(r"`([^`]+)`", cells[-1])
            if not named:
                faults.append(f"{DOCUMENT}: the row \"{cells[0]}\" names no file")
            files.update(named)
    if not files:
        faults.append(f"{DOCUMENT}: there is no table with a column \"{COLUMN}\"")
    return files, faults


def dials_of(text):
    """The interfaces in a source that dial, with the lines where they stand; comments do not count."""
    plain = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return [(plain.count("\n", 0, match.start()) + 1, match.group()) for match in DIALS.finditer(plain)]


def check(root):
    """What is wrong in a tree, and how many files dial."""
    files, faults = read_table((root / DOCUMENT).read_text(encoding="utf-8"))
    dialling = set()
    for file in sorted((root / "Sources").rglob("*")):
        path = file.relative_to(root)
        if file.suffix not in SOURCES or NOT_SHIPPED.search(path.parts[1]):
            continue
        found = dials_of(file.read_text(encoding="utf-8"))
        if not found:
            continue
        dialling.add(str(path))
        if str(path) not in files:
            line, name = found[0]
            faults.append(f"{path}:{line}: {name} dials, and the table in {DOCUMENT} does not name the file; name it there with "
                          "who gives the address, or use what is there")
    for path in sorted(files - dialling):
        faults.append(f"{DOCUMENT}: {path} does not dial, or does not exist")
    return faults, len(dialling)


def main():
    faults, count = check(ROOT)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"dials: {count} files open connections, as {DOCUMENT} says")


if __name__ == "__main__":
    main()
