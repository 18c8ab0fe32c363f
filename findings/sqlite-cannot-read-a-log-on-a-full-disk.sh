#!/usr/bin/env bash
# SQLite cannot read a database in WAL mode on a full disk if the index of its log is not there, although nothing has to be written.
#
# Version: SQLite 3.40.1, through the module sqlite3 of Python 3.
# Expected: what was committed is in the file and in the log of a killed program, so it can be read; a full disk refuses writers alone.
# Seen: the first connection makes the index of the log anew, in a file (-shm) of 32 KiB for which there is no room: "disk I/O error".
#   It needs no file: with PRAGMA locking_mode = EXCLUSIVE the index is in memory, and the same database can be read.
#
# Needs root, for a disk of one MiB in a mount namespace of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unshare --mount --propagation private python3 - "$folder" <<'PYTHON'
import os, signal, sqlite3, subprocess, sys

folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
path, filler = f"{folder}/a.db", f"{folder}/filler"
print("SQLite", sqlite3.sqlite_version)
if sqlite3.sqlite_version != "3.40.1":
    sys.exit("this is about SQLite 3.40.1")

# A writer that is killed behind its commit, so that the log stays.
if os.fork() == 0:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE names (name)")
    database.execute("INSERT INTO names VALUES ('ada')")
    database.commit()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
print("after the kill:", *sorted(os.listdir(folder)))
# As in a copy of the two other files, or where the index was on a disk that is gone. It can always be made from the log.
os.remove(f"{path}-shm")


def read(*pragmas):
    database = sqlite3.connect(path)
    try:
        for pragma in pragmas:
            database.execute(pragma)
        return database.execute("SELECT name FROM names").fetchone()[0]
    except sqlite3.OperationalError as error:
        return str(error)
    finally:
        database.close()


with open(filler, "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError as error:
        print("the disk:", error.strerror)
full = read()
print("full disk:", full)
exclusive = read("PRAGMA locking_mode = EXCLUSIVE")
print("full disk, the index in memory:", exclusive)
os.remove(filler)
free = read()
print("free disk:", free)
sys.exit(0 if full == "disk I/O error" and exclusive == free == "ada" else "the behaviour has changed")
PYTHON
