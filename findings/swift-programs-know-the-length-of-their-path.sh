#!/usr/bin/env bash
# An optimised Swift program has the length of its sources' path in its code, but not the path, and no option takes it out.
#
# Version: Swift 6.3.1 on Linux.
# Expected: the same source, compiled without debug information in two folders, gives the same code. Where a path is needed,
#   -file-prefix-map replaces its beginning, as in what #filePath gives.
# Seen: behind withoutActuallyEscaping there is a check that is told a file's name and its length. With -O the name is empty, and the length is
#   that of the whole path, also with -file-prefix-map. So the code is the same in folders whose names are equally long alone. Without -O both
#   the name and its length are there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
swiftc --version 2>/dev/null | grep -F 'Swift version 6.3.1' || { echo 'this is about Swift 6.3.1'; exit 1; }
mkdir one two longer
cat >one/main.swift <<'SWIFT'
@inline(never) func call(_ body: () -> Void, _ run: (@escaping () -> Void) -> Void) {
  withoutActuallyEscaping(body) { run($0) }
}
call({ print("called") }) { $0() }
SWIFT
cp one/main.swift two/
cp one/main.swift longer/

# The length of the name that the check gets, and the bytes of the name with its end.
check() {
  local code constant
  code=$(swiftc "$@" -module-name program -emit-ir)
  read -r constant length < <(
    sed -nE 's/.* call .*@swift_isEscapingClosureAtFileLocation\(ptr [^,]+, ptr [a-z ]*(@[^,]+), i32 ([0-9]+),.*/\1 \2/p' <<<"$code")
  bytes=$(grep -F "$constant = " <<<"$code" | sed -nE 's/.*constant \[([0-9]+) x i8\].*/\1/p')
}
failed=0
for name in one two longer; do
  path="$folder/$name/main.swift"
  check -O -gnone "$path"
  row="$name, a path of ${#path}: a name of $bytes byte, length $length"
  [ "$bytes $length" = "1 ${#path}" ] || failed=1
  check -O -gnone -file-prefix-map "$folder/$name=x" "$path"
  echo "$row; with -file-prefix-map $bytes byte, length $length"
  [ "$bytes $length" = "1 ${#path}" ] || failed=1
done
[ "$failed" = 0 ] || { echo 'the behaviour has changed'; exit 1; }
