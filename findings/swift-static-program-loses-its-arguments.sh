#!/usr/bin/env bash
# A statically linked Swift program has no arguments, not even its name, if the environment was changed before main.
#
# Version: Swift 6.3.1 on Linux (glibc), -static-stdlib.
# Expected: CommandLine.arguments holds what the program was started with, as argv does, whatever a library's constructor sets.
# Seen: it is empty once a constructor has called setenv, as libfaketime's does; linked dynamically the same program has them.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
swiftc --version 2>/dev/null | grep -F 'Swift version 6.3.1' || { echo 'this is about Swift 6.3.1'; exit 1; }
cat >early.c <<'C'
#include <stdlib.h>
__attribute__((constructor)) static void early(void) { setenv("ANYTHING", "1", 1); }
C
echo 'print(CommandLine.arguments.count)' >main.swift
clang -c -fPIC early.c -o early.o
swiftc main.swift -static-stdlib -o plain
swiftc main.swift early.o -o dynamic
swiftc main.swift early.o -static-stdlib -o static

check() {
  echo "$1: $2 arguments"
  [ "$2" = "$3" ] || { echo "changed: there were $3" >&2; exit 1; }
}
check "static, nothing set early" "$(./plain one two)" 3
check "dynamic, a variable set early" "$(./dynamic one two)" 3
check "static, a variable set early" "$(./static one two)" 0
