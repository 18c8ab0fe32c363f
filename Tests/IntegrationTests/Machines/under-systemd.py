#!/usr/bin/env python3
"""Runs a control plane under a real systemd, with the units of deploy/systemd.

    under-systemd.py FOLDER UNITS PROGRAM ARGUMENT…

It has to run as root in mount and process namespaces of its own. systemd is the manager of a user, which needs no machine that was
booted by it; `systemctl --user` reaches it in its namespaces, with FOLDER/run as XDG_RUNTIME_DIR. The units keep all of their settings but the user, the program with its arguments, and the addresses of the sockets, which are the ports in the arguments. What the
program logs goes to FOLDER/log. A unit that does not start ends this program.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

folder, units, program, *arguments = sys.argv[1:]
folder = pathlib.Path(folder)
for name in ("run", "units/kuma-cp.service.d", "units/kuma-cp.socket.d", "config"):
    (folder / name).mkdir(parents=True, mode=0o700)
for name in ("kuma-cp.service", "kuma-cp.socket"):
    shutil.copy(f"{units}/{name}", folder / "units" / name)
writable = arguments[arguments.index("--work-dir") + 1]
os.makedirs(writable, exist_ok=True)
command = " ".join(f'"{word}"' for word in [program, *arguments])
(folder / "units/kuma-cp.service.d/test.conf").write_text(f"""[Service]
User=
Group=
PrivateTmp=no
ReadWritePaths={writable}
ExecStart=
ExecStart={command}
StandardOutput=append:{folder}/log
StandardError=append:{folder}/log
""")
ports = [arguments[index + 1] for index, word in enumerate(arguments) if word.endswith("-port")]
(folder / "units/kuma-cp.socket.d/test.conf").write_text(
    "[Socket]\nListenStream=\n" + "".join(f"ListenStream=127.0.0.1:{port}\n" for port in ports))

# systemd asks this whether the machine runs it.
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
os.makedirs("/run/systemd/system")
environment = dict(
    os.environ, XDG_RUNTIME_DIR=f"{folder}/run", XDG_CONFIG_HOME=f"{folder}/config", HOME=str(folder),
    SYSTEMD_UNIT_PATH=f"{folder}/units:")
manager = subprocess.Popen(
    ["/lib/systemd/systemd", "--user", "--log-target=console"], env=environment, stdin=subprocess.DEVNULL)


def systemctl(*words):
    return subprocess.run(["systemctl", "--user", *words], env=environment, capture_output=True, text=True)


deadline = time.monotonic() + 60
while systemctl("is-system-running").stdout.strip() not in ("running", "degraded"):
    if manager.poll() is not None or time.monotonic() > deadline:
        sys.exit("systemd does not run")
    time.sleep(0.05)
# Of root's services, what must not be seen is covered with what the manager of a system has made there.
subprocess.run(["cp", "--archive", f"{folder}/run/systemd/inaccessible", "/run/systemd/"], check=True)
started = systemctl("start", "kuma-cp.socket", "kuma-cp.service")
if started.returncode:
    print(started.stderr, systemctl("status", "--no-pager", "kuma-cp.service", "kuma-cp.socket").stdout, file=sys.stderr)
    log = folder / "log"
    sys.exit(log.read_text() if log.exists() else "no log")
manager.wait()
