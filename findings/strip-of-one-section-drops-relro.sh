#!/usr/bin/env bash
# strip takes the header that makes relocations read-only out of a program when it removes any section that is loaded.
#
# Version: binutils 2.40, for programs of its own two linkers (bfd and gold).
# Expected: `strip --remove-section=NAME` removes that section; what else a program asks of the loader stays as it is.
# Seen: the header GNU_RELRO is gone, without a word and with status 0, so that the loader leaves the table of relocations writable. It
#   happens with the note of the build ID and with a section of one's own; with .comment, which is not loaded, and with strip alone the
#   header stays. The program works as before. `objcopy --remove-section` does the same. Overwriting the content of the section
#   leaves the header.
#
# Needs a C compiler for Linux and binutils of this version: apt-get install gcc binutils.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
strip --version | head -n 1 | grep -F ' 2.40' || { echo 'this is about binutils 2.40'; exit 1; }
cat >program.c <<'C'
#include <stdio.h>
__attribute__((section(".extra"), used)) static const char extra[] = "read by nobody";
static const char *const names[] = {"works"};
int main(void) { puts(names[0]); return 0; }
C
headers() { readelf --program-headers --wide "$1" | grep -c GNU_RELRO || true; }
failed=0
for linker in bfd gold; do
  gcc "-fuse-ld=$linker" -Wl,-z,relro,-z,now,--build-id -o "$linker" program.c
  row="$linker: as it was linked $(headers "$linker")"
  strip -o stripped "$linker"
  row+=", stripped $(headers stripped)"
  for section in .comment .extra .note.gnu.build-id; do
    strip --remove-section="$section" -o removed "$linker"
    row+=", strip without $section $(headers removed)"
    [ "$(./removed)" = works ]
    objcopy --remove-section="$section" "$linker" removed
    row+=", objcopy without $section $(headers removed)"
    [ "$(./removed)" = works ]
  done
  echo "$row"
  [ "$row" = "$linker: as it was linked 1, stripped 1, strip without .comment 1, objcopy without .comment 1, strip without .extra 0,\
 objcopy without .extra 0, strip without .note.gnu.build-id 0, objcopy without .note.gnu.build-id 0" ] || failed=1
done
[ "$failed" = 0 ] || { echo 'the behaviour has changed'; exit 1; }
