#!/usr/bin/env python3
"""Checks that no target imports what docs/architecture.md does not let it import.

Both the imports in the sources and the dependencies in Package.swift are looked at, the latter through
`swift package dump-package`. Exit status 1, with a line for each forbidden arrow, when there is one.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Which of our targets each of our targets may import. A target that is not listed is an error.
ARROWS = {
    "MeshModel": set(),
    "TraceHeaders": set(),
    "MeshPolicy": {"MeshModel", "TraceHeaders"},
    "MeshStore": {"MeshModel"},
    "SQLiteFiles": set(),
    "MeshStoreSQL": {"MeshStore", "MeshModel", "SQLiteFiles"},
    "CLibPQ": set(),
    "MeshStorePostgres": {"CLibPQ", "MeshStore", "MeshModel"},
    "EnvoyAPI": set(),
    "MeshXDS": {"MeshModel", "MeshPolicy", "EnvoyAPI"},
    "MeshHTTP": {"MeshModel", "MeshStore", "MeshPolicy"},
    "HTTPService": set(),
    "ProgramLog": {"MeshModel"},
    "MeshClient": {"MeshModel"},
    "TraceCollector": {"CZlib", "SQLiteFiles", "TraceHeaders"},
    "ProcessSupervisor": {"CSpawn"},
    "CSpawn": set(),
    "CProcess": set(),
    "CZlib": set(),
    "kuma-cp": {
        "MeshModel", "MeshPolicy", "MeshStore", "MeshStoreSQL", "MeshStorePostgres", "EnvoyAPI", "MeshXDS", "MeshHTTP",
        "HTTPService", "ProgramLog", "TraceCollector", "CProcess", "CZlib",
    },
    "kuma-dp": {"MeshModel", "MeshClient", "ProcessSupervisor", "ProgramLog", "CProcess"},
    "KumactlCommands": {"MeshModel", "MeshClient"},
    "kumactl": {"KumactlCommands"},
    "kuma-demo": {"ProcessSupervisor", "CProcess", "TraceHeaders"},
    "ProxySimulation": {"EnvoyAPI", "MeshModel"},
    "MeshTestSupport": {"MeshModel", "MeshStore"},
    "LoopbackTestSupport": set(),
    "BrowserTestSupport": {"ProcessSupervisor"},
    "PostgresTestSupport": {"ProcessSupervisor"},
}

# What targets of ours may use from outside; whoever is not listed may use anything. Domain targets know no transport,
# and policies are pure: not even Foundation, whose files and processes are I/O.
OUTSIDE = {
    "MeshModel": {"CYaml", "Yams", "OrderedCollections", "Collections", "Glibc", "Musl"},
    "TraceHeaders": set(),
    "MeshPolicy": {"Collections", "OrderedCollections"},
    "MeshStore": {"Synchronization", "Glibc", "Musl"},
    "MeshStoreSQL": {"GRDB", "Synchronization", "Foundation", "Glibc", "Musl"},
    "MeshStorePostgres": {"Synchronization", "Foundation", "Glibc", "Musl"},
    "SQLiteFiles": {"GRDB", "Synchronization", "Glibc", "Musl"},
    "EnvoyAPI": {"Foundation", "SwiftProtobuf"},
    "MeshXDS": {"Foundation", "SwiftProtobuf", "Crypto", "Collections", "OrderedCollections", "Synchronization"},
    "MeshHTTP": {"HTTPTypes", "OrderedCollections"},
    "HTTPService": {
        "Glibc", "HTTPTypes", "HummingbirdCore", "Logging", "Musl", "NIOCore", "NIOHTTP1", "NIOPosix",
        "ServiceLifecycle", "Synchronization",
    },
    "TraceCollector": {"Dispatch", "GRDB", "HTTPTypes", "Synchronization", "Foundation", "Glibc", "Musl"},
}

PROGRAMS = {"kuma-cp", "kuma-dp", "kumactl", "kuma-demo"}

IMPORT = re.compile(
    r"^\s*(?:#if.*)?(?:@\w+(?:\([^)]*\))?\s+)*(?:public\s+|package\s+|internal\s+|fileprivate\s+|private\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?([A-Za-z_]\w*)")


def imports(folder):
    """Every module that the sources of a folder import, with the places where."""
    found = {}
    for file in sorted(folder.rglob("*.swift")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = IMPORT.match(line)
            if match:
                found.setdefault(match.group(1), []).append(f"{file.relative_to(ROOT)}:{number}")
    return found


def main():
    faults = []
    modules = {name.replace("-", "_"): name for name in ARROWS}
    folders = {path.name: path for path in (ROOT / "Sources").iterdir() if path.is_dir()}
    for name in sorted(folders.keys() - ARROWS.keys()):
        faults.append(f"Sources/{name}: the target is not in Scripts/check-arrows.py; say what it may import")
    for name in sorted(ARROWS.keys() & folders.keys()):
        for module, places in imports(folders[name]).items():
            other = modules.get(module)
            if other is not None:
                if other != name and other not in ARROWS[name]:
                    faults.append(f"{places[0]}: {name} must not import {other}")
            elif name in OUTSIDE and module not in OUTSIDE[name]:
                faults.append(f"{places[0]}: {name} must not import {module}")

    package = json.loads(
        subprocess.run(
            ["swift", "package", "dump-package"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    for target in package["targets"]:
        name = target["name"]
        names = {dependency["byName"][0] for dependency in target["dependencies"] if "byName" in dependency}
        if target["type"] == "test":
            continue
        if name not in ARROWS:
            faults.append(f"Package.swift: the target {name} is not in Scripts/check-arrows.py")
            continue
        for other in sorted(names - ARROWS[name]):
            faults.append(f"Package.swift: {name} must not depend on {other}")
        for other in sorted(names & PROGRAMS):
            faults.append(f"Package.swift: {name} must not depend on the program {other}")

    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"arrows: {len(ARROWS)} targets import only what they may")


if __name__ == "__main__":
    main()
