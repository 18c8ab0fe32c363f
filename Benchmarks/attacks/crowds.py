#!/usr/bin/env python3
"""Attacks the HTTP servers of a control plane of its own, and shows what that costs everybody else.

  Benchmarks/attacks/crowds.py KUMA_CP [KUMA_CP …]

Each program (such as .build/release/kuma-cp, and one from before a change) is started on free ports of 127.0.0.1, with a
folder of its own that is removed at the end, and attacked in turn:

  slow     1,300 connections to each of the API and the collector that send a byte every 20 seconds, half of them in the
           head of a request and half of them in its body. Meanwhile /health and the like are asked for, over new
           connections, on every port.
  bodies   150 connections to the API that each send all of a 4 MiB body but its end, twice over, and then leave.
  spans    150 connections to the collector that do the same with 8 MiB.
  packed   40 connections to the collector that each send 8 MiB of spans packed into some hundred KiB, twice over.
  heads    1,300 connections to the API that send 60 KiB of a head each and stop.
  shares   one address opens 400 connections to each of the API and the collector and sends requests as fast as it can over 20, while a
           second address asks for one thing after the other. Needs the rights of root, for a network namespace of its own, since
           this machine itself has no share; without them it is left out.
  writers  50 connections with one token send meshes of 60 KiB without a pause, while another user writes small ones.

Printed are the answers' times, the connections that are open, the resident memory, and the words of one refusal. The whole
takes two to three minutes for each program. Only the Python standard library is needed.
"""

import collections
import gzip
import json
import os
import pathlib
import re
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from xds import programs

CONNECTIONS = 1300
BODIES = 150
MIB = 1 << 20


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Program:
    """A running control plane."""

    PORTS = ("api", "dataplane", "diagnostics", "collector", "otlp")

    def __init__(self, path, folder, host="127.0.0.1", settings=None):
        self.host = host
        self.folder = folder
        self.ports = dict(zip(self.PORTS, free_ports(5)))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KUMA_")}
        environment.update(settings or {})
        self.log = open(pathlib.Path(folder) / "log", "wb")
        self.process = subprocess.Popen(
            [
                path, "run", "--work-dir", folder, "--api-port", str(self.ports["api"]), "--api-https-port", "0", "--dp-port",
                str(self.ports["dataplane"]), "--diagnostics-port", str(self.ports["diagnostics"]), "--zipkin-port",
                str(self.ports["collector"]), "--otlp-port", str(self.ports["otlp"]),
            ],
            stdout=self.log, stderr=self.log, env=environment)
        deadline = time.monotonic() + 60
        while self.ask("diagnostics", "/ready", 1)[0] != 200:
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"{path} does not become ready; its log is in {folder}/log")
            time.sleep(0.1)

    def memory(self):
        """Resident memory in MiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024

    def connections(self, name):
        """How many connections the program has on a port."""
        port = f":{self.ports[name]:04X}"
        lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
        # 01 is an established connection.
        return sum(1 for line in lines if line.split()[1].endswith(port) and line.split()[3] == "01" and line.split()[9] != "0")

    def ask(self, name, path, timeout=30, method="GET", body=None, token=None):
        """The status of a request over a new connection, and how many seconds it took; 0 for no answer."""
        begin = time.monotonic()
        try:
            headers = {"Connection": "close", "Content-Type": "application/json"}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            host = "127.0.0.1" if name == "diagnostics" else self.host
            request = urllib.request.Request(
                f"http://{host}:{self.ports[name]}{path}", headers=headers, method=method, data=body)
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        return status, time.monotonic() - begin

    def ask_text(self, name, path, method, body, token):
        """The text of an answer."""
        request = urllib.request.Request(
            f"http://{self.host}:{self.ports[name]}{path}", method=method, data=body.encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode().strip()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Crowd:
    """Connections that send what they are told to, and note what comes back."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.open = {}
        self.answers = collections.Counter()
        self.words = None

    def connect(self, port, count, host="127.0.0.1", source=None):
        new = []
        for _ in range(count):
            connection = socket.socket()
            connection.settimeout(5)
            try:
                if source:
                    connection.bind((source, 0))
                connection.connect((host, port))
            except OSError:
                self.answers["not connected"] += 1
                connection.close()
                continue
            connection.setblocking(False)
            self.open[connection] = memoryview(b"")
            self.selector.register(connection, selectors.EVENT_READ)
            new.append(connection)
        return new

    def send(self, connection, data):
        if connection in self.open:
            self.open[connection] = memoryview(bytes(self.open[connection]) + data)
            self.selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def run(self, seconds, until=lambda: False):
        """Sends and reads for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            for key, events in self.selector.select(0.05):
                connection = key.fileobj
                try:
                    if events & selectors.EVENT_READ:
                        data = connection.recv(65536)
                        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
                            self.answers[data[9:12].decode()] += 1
                            if self.words is None and data[9:10] in (b"4", b"5"):
                                self.words = data.decode(errors="replace").replace("\r\n", " | ").strip()
                        if not data:
                            self.end(connection, "closed")
                            continue
                    if events & selectors.EVENT_WRITE:
                        sent = connection.send(self.open[connection][: 256 * 1024])
                        self.open[connection] = self.open[connection][sent:]
                        if not self.open[connection]:
                            self.selector.modify(connection, selectors.EVENT_READ)
                except OSError:
                    self.end(connection, "reset")

    def end(self, connection, how):
        if connection in self.open:
            self.answers[how] += 1
            self.selector.unregister(connection)
            del self.open[connection]
            connection.close()

    @property
    def is_sent(self):
        return all(not rest for rest in self.open.values())

    def leave(self):
        for connection in list(self.open):
            self.selector.unregister(connection)
            connection.close()
        self.open.clear()


HEALTH = (("api", "/"), ("diagnostics", "/healthy"), ("collector", "/health"), ("dataplane", "/"), ("otlp", "/"))


def probe(program, times):
    for name, path in HEALTH:
        status, seconds = program.ask(name, path)
        times.append((seconds, f"{name} {path} {status or 'no answer'}"))


def show(label, text):
    print(f"    {label:<34} {text}")


def worst(times):
    seconds, what = max(times)
    return f"{seconds * 1000:.0f} ms ({what}), {sum(1 for _, what in times if 'no answer' in what)} of {len(times)} without answer"


def report(program, crowd, times, begin, peak):
    time.sleep(5)
    show("slowest answer meanwhile", worst(times))
    show("what the senders got", dict(crowd.answers))
    show(
        "resident memory",
        f"{begin:.0f} MiB before, {peak:.0f} MiB at most (+{peak - begin:.0f}), {program.memory():.0f} MiB afterwards")
    show("words", crowd.words)


def slow(program):
    crowd, times = Crowd(), []
    begin = program.memory()
    half = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    for name in ("api", "collector"):
        for index, connection in enumerate(crowd.connect(program.ports[name], CONNECTIONS)):
            crowd.send(connection, half if index % 2 else b"GET / HT")
    crowd.run(3)
    opened, most = time.monotonic(), {name: program.connections(name) for name in ("api", "collector")}
    next_byte = opened + 20
    while time.monotonic() < opened + 45:
        probe(program, times)
        crowd.run(2)
        if time.monotonic() >= next_byte:
            next_byte += 20
            for connection in list(crowd.open):
                crowd.send(connection, b"x")
    show("slowest answer meanwhile", worst(times))
    show("connections at the begin", ", ".join(f"{name} {count}" for name, count in most.items()))
    show("connections after 45 s", ", ".join(f"{name} {program.connections(name)}" for name in most))
    show("what the slow ones got", dict(crowd.answers))
    show("resident memory", f"{begin:.0f} MiB before, {program.memory():.0f} MiB at the end")
    show("words", crowd.words)
    crowd.leave()


def bodies(program, name, path, size):
    begin, peak = program.memory(), 0
    crowd, times = Crowd(), []
    body = b"[" + b" " * (size - 2)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    ).encode()
    for _ in range(2):
        for connection in crowd.connect(program.ports[name], BODIES):
            crowd.send(connection, head)
            crowd.open[connection] = memoryview(head + body)
        end = time.monotonic() + 15
        while time.monotonic() < end and not crowd.is_sent:
            crowd.run(0.3)
            peak = max(peak, program.memory())
            probe(program, times)
        crowd.run(1)
        peak = max(peak, program.memory())
        crowd.leave()
    report(program, crowd, times, begin, peak)


def packed_spans(first):
    """8 MiB of spans, packed."""
    spans = [
        {
            "traceId": f"{first:032x}", "id": f"{number + 1:016x}", "name": "packed", "timestamp": int(time.time() * 1e6),
            "duration": 1, "localEndpoint": {"serviceName": "packed"},
            "tags": {"text": os.urandom(150).hex() + "x" * 19_700},
        } for number in range(8 * MIB // 20_200)
    ]
    return gzip.compress(json.dumps(spans).encode(), 1)


def packed(program):
    begin, peak = program.memory(), 0
    crowd, times = Crowd(), []
    for round in range(2):
        # Before the connections are there: they would be ended while they wait.
        bodies = [packed_spans(round * 40 + index + 1) for index in range(40)]
        for connection, body in zip(crowd.connect(program.ports["collector"], 40), bodies):
            head = (
                "POST /api/v2/spans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n")
            crowd.send(connection, head.encode() + body)
        end = time.monotonic() + 30
        wanted = 40 * (round + 1)
        while time.monotonic() < end and sum(count for what, count in crowd.answers.items() if what.isdigit()) < wanted:
            crowd.run(0.2)
            peak = max(peak, program.memory())
            probe(program, times)
        crowd.leave()
    report(program, crowd, times, begin, peak)


def heads(program):
    begin, peak = program.memory(), 0
    crowd, times = Crowd(), []
    for connection in crowd.connect(program.ports["api"], CONNECTIONS):
        crowd.send(connection, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 60 * 1024)
    for _ in range(8):
        crowd.run(0.5)
        peak = max(peak, program.memory())
        probe(program, times)
    crowd.leave()
    report(program, crowd, times, begin, peak)


# --- Shares ----------------------------------------------------------------------------------------------------------
NAMESPACE = "KUMA_TRACE_CROWDS_NAMESPACE"
SERVER, GREEDY, MODEST = "10.99.0.1", "10.99.0.2", "10.99.0.3"


def own_namespace():
    """Goes on in a network namespace of this process, in which the addresses are; False where that is not possible."""
    if os.environ.get(NAMESPACE):
        commands = ["ip link set lo up"] + [f"ip addr add {each}/24 dev lo" for each in (SERVER, GREEDY, MODEST)]
        return all(subprocess.run(each.split(), capture_output=True).returncode == 0 for each in commands)
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    os.environ[NAMESPACE] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def requests_of(program, name, path, source):
    """A GET over a new connection from an address: the status, and how many seconds it took; 0 for no answer."""
    begin = time.monotonic()
    try:
        with socket.create_connection((SERVER, program.ports[name]), 30, (source, 0)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {SERVER}\r\nConnection: close\r\n\r\n".encode())
            data = connection.recv(65536)
        status = int(data[9:12]) if data.startswith(b"HTTP/1.1 ") else 0
    except OSError:
        status = 0
    return status, time.monotonic() - begin


def metrics(program, pattern):
    with urllib.request.urlopen(f"http://127.0.0.1:{program.ports['diagnostics']}/metrics") as answer:
        return re.findall(pattern, answer.read().decode(), re.MULTILINE)


def shares(path):
    folder = tempfile.mkdtemp(prefix="attack-")
    settings = {
        "KUMA_GENERAL_UNPROTECTED_LISTENERS": "api,collector,otlp", "KUMA_API_SERVER_HTTP_INTERFACE": SERVER,
        "KUMA_COLLECTOR_ZIPKIN_INTERFACE": SERVER, "KUMA_COLLECTOR_TLS_ENABLED": "false"}
    program = Program(path, folder, SERVER, settings)
    try:
        crowd = Crowd()
        for name in ("api", "collector"):
            for connection in crowd.connect(program.ports[name], 400, SERVER, GREEDY):
                crowd.send(connection, b"GET / HTTP/1.1\r\nHost: " + SERVER.encode() + b"\r\nX: ")
        crowd.run(3)
        show("connections of the greedy", {name: program.connections(name) for name in ("api", "collector")})
        show("their limit", dict(metrics(program, r'^kuma_http_address_connections_limit\{server="([^"]+)"\} (\d+)')))
        times = [requests_of(program, name, "/health", MODEST) for name in ("api", "collector") for _ in range(50)]
        show("the modest meanwhile", dict(collections.Counter(status for status, _ in times)))
        show("slowest answer meanwhile", f"{max(seconds for _, seconds in times) * 1000:.0f} ms")
        crowd.leave()
        crowd, statuses = Crowd(), []
        line = f"GET /meshes HTTP/1.1\r\nHost: {SERVER}\r\n\r\n".encode()
        connections = crowd.connect(program.ports["api"], 20, SERVER, GREEDY)
        end, modest = time.monotonic() + 10, []
        while time.monotonic() < end:
            for connection in connections:
                crowd.send(connection, line * 20)
            crowd.run(0.1)
            modest.append(requests_of(program, "api", "/meshes", MODEST))
        show("requests of the greedy in 10 s", dict(metrics(
            program, r'^kuma_http_requests_total\{server="HTTP API",operation="[^"]*",status="(\d+)"\} (\d+)')))
        show("the modest meanwhile", dict(collections.Counter(status for status, _ in modest)))
        show("slowest answer meanwhile", f"{max(seconds for _, seconds in modest) * 1000:.0f} ms")
        show("words", crowd.words)
        crowd.leave()
    finally:
        program.stop()
        shutil.rmtree(folder, ignore_errors=True)


def writers(path):
    folder = tempfile.mkdtemp(prefix="attack-")
    program = Program(path, folder, settings={"KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN": "false", "KUMA_COLLECTOR_ENABLED": "false"})
    try:
        token = (pathlib.Path(folder) / "admin-user-token").read_text().strip()
        issue = lambda name: program.ask_text(
            "api", "/tokens/user", "POST", json.dumps({"name": name, "groups": ["mesh-system:admin"], "validFor": "1h"}), token)
        crowd_token, one_token = issue("crowd"), issue("one")
        def write(number):
            return program.ask(
                "api", f"/meshes/one-{number}", method="PUT", token=one_token,
                body=json.dumps({"type": "Mesh", "name": f"one-{number}"}).encode())
        quiet = [write(number)[1] for number in range(50)]
        crowd = Crowd()
        body = json.dumps({"type": "Mesh", "name": "crowd", "padding": ["x" * 100] * 580}).encode()
        request = (
            f"PUT /meshes/crowd HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {crowd_token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
        connections = crowd.connect(program.ports["api"], 50)
        loud = []
        for number in range(50):
            for connection in connections:
                if connection in crowd.open and not crowd.open[connection]:
                    crowd.send(connection, request)
            crowd.run(0.1)
            loud.append(write(1_000 + number))
        for label, times in (("a small write alone", quiet), ("a small write beside the crowd", [t for _, t in loud])):
            times = sorted(times)
            show(label, f"{times[len(times) // 2] * 1000:.1f} ms at the median, {times[-1] * 1000:.0f} ms at most")
        show("what the one got", dict(collections.Counter(status for status, _ in loud)))
        show("what the crowd got", dict(crowd.answers))
        crowd.leave()
    finally:
        program.stop()
        shutil.rmtree(folder, ignore_errors=True)


def budgets(program):
    with urllib.request.urlopen(f"http://127.0.0.1:{program.ports['diagnostics']}/metrics") as answer:
        text = answer.read().decode()
    found = re.findall(r'^kuma_request_budget_peak_bytes\{budget="(\w+)"\} (\d+)', text, re.MULTILINE)
    if found:
        show("budgets at most", ", ".join(f"{name} {int(count) / MIB:.1f} MiB" for name, count in found))


def main():
    paths = programs(__doc__)
    has_namespace = own_namespace()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for path in paths:
        print(path)
        folder = tempfile.mkdtemp(prefix="attack-")
        program = Program(path, folder)
        try:
            for label, attack in (
                ("slow connections", lambda: slow(program)),
                ("bodies to the API", lambda: bodies(program, "api", "/meshes", 4 * MIB)),
                ("bodies to the collector", lambda: bodies(program, "collector", "/api/v2/spans", 8 * MIB)),
                ("packed spans", lambda: packed(program)),
                ("heads", lambda: heads(program)),
            ):
                print(f"  {label}")
                attack()
            budgets(program)
        finally:
            program.stop()
            shutil.rmtree(folder, ignore_errors=True)
        print("  writers")
        writers(path)
        print("  shares" if has_namespace else "  shares: left out, as this user may not make a network namespace")
        if has_namespace:
            shares(path)


if __name__ == "__main__":
    main()
