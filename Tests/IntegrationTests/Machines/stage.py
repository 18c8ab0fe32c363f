#!/usr/bin/env python3
"""Types what documents say on machines of its own: network namespaces with files of their own, on one bridge.

    stage.py PLAN     PLAN is a file with JSON:
        machines   name → address
        programs   name → file; machines find them in /media/programs
        checkout   path on the machine `here`, from its home → name of a program
        steps      [{machine, line, script}], what is typed; each script in a shell of its own

It has to run in a mount, network and process namespace of its own, as root, where it may mount what it likes. It prints what the scripts
print, and ends with status 1 at the first command that fails, or prints another number than the one in the comment behind it.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "USER": "root", "LOGNAME": "root"}

# Its own /etc, /root, /run, /srv, /tmp, /usr/local and /var: what installing and running programs changes. The packages of Debian are
# those of this machine.
MACHINE = """
ip link set lo up
hostname "$1"
own=/media/machines/$1
mkdir --parents $own
cp --archive /etc $own/etc
rm -rf $own/etc/postgresql $own/etc/systemd/system
mkdir --parents $own/etc/systemd/system
mount --bind $own/etc /etc
cp /media/hosts /etc/hosts
for folder in root run srv tmp usr/local var; do
  mkdir --parents $own/$folder
  mount --bind $own/$folder /$folder
done
chmod 700 /root
chmod 1777 /tmp
mkdir --parents /var/lib /var/log /var/cache /var/tmp /usr/local/bin /usr/local/sbin /run/lock
ln -s /run /var/run
if getent passwd postgres >/dev/null; then
  install -d -o postgres -g postgres /var/lib/postgresql /var/log/postgresql /run/postgresql
fi
cp /media/programs-of-machines/* /usr/local/sbin/
cd /root
echo ready
exec sleep infinity
"""


def run(*words, **more):
    subprocess.run(words, check=True, env=ENVIRONMENT, **more)


def make_machines(plan):
    addresses = plan["machines"]
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/media")
    os.makedirs("/media/programs")
    for name, file in plan["programs"].items():
        open(f"/media/programs/{name}", "w").close()
        run("mount", "--bind", file, f"/media/programs/{name}")
    shutil.copytree(f"{HERE}/programs", "/media/programs-of-machines")
    with open("/media/hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost\n")
        hosts.writelines(f"{address} {name}\n" for name, address in addresses.items())
    run("ip", "link", "add", "name", "bridge", "type", "bridge")
    run("ip", "link", "set", "bridge", "up")
    return {name: make_machine(name, address) for name, address in addresses.items()}


def make_machine(name, address):
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "--uts", "--propagation", "private", "sh", "-e", "-c", MACHINE, "sh", name],
        env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    if holder.stdout.readline() != "ready\n":
        sys.exit(f"the machine {name} cannot be made")
    with open(f"/media/machines/{name}.pid", "w") as file:
        file.write(str(holder.pid))
    run("ip", "link", "add", "name", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
    run("ip", "link", "set", f"to-{name}", "master", "bridge", "up")
    enter = ["nsenter", f"--target={holder.pid}", "--net", "--mount", "--uts"]
    run(*enter, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
    run(*enter, "ip", "link", "set", "eth0", "up")
    return enter


def make_checkout(enter, checkout):
    for path, program in checkout.items():
        file = os.path.join("/root", path)
        run(*enter, "mkdir", "--parents", os.path.dirname(file))
        run(*enter, "ln", "-s", f"/media/programs/{program}", file)


def follow(step, enter):
    """Types a script. What runs in the background goes on, so its output goes to a file and not to a pipe that would stay open."""
    print(f"== {step['machine']}, {step['line']}", flush=True)
    with open("/media/output", "w+b") as output:
        status = subprocess.run(
            [*enter, "bash", "-eu", "-c", "cd\n" + step["script"]], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT).returncode
        output.seek(0)
        text = output.read().decode(errors="replace")
    print(text, end="" if text.endswith("\n") or not text else "\n", flush=True)
    expected = re.findall(r"\s# (\d{3})$", step["script"], re.MULTILINE)
    printed = re.findall(r"^(\d{3})$", text, re.MULTILINE)
    if status != 0:
        print(f"the script ended with status {status}")
    elif printed != expected and expected:
        print(f"it should have printed {' '.join(expected)}")
        status = 1
    return status == 0


def show_logs(machines):
    for name in machines:
        folder = f"/media/machines/{name}/var/log"
        for file in sorted(os.listdir(folder)):
            if file.endswith(".log"):
                with open(f"{folder}/{file}", errors="replace") as log:
                    print(f"-- the log of {file.removesuffix('.log')} on {name} ends with", *log.readlines()[-40:], sep="\n", flush=True)


def main():
    # The kernel kills everything in the namespace of processes with its first process, which is this one's parent.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    machines = make_machines(plan)
    make_checkout(machines["here"], plan["checkout"])
    for step in plan["steps"]:
        if not follow(step, machines[step["machine"]]):
            print(f"FAILED: {step['machine']}, {step['line']}")
            show_logs(machines)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
