#!/usr/bin/env python3
"""Sends frames and requests that cost more than they do to a control plane of its own, and shows what others notice.

  Benchmarks/attacks/frames.py KUMA_CP [KUMA_CP …]

Each program (such as .build/release/kuma-cp, and one from before a change) is started on free ports of 127.0.0.1, with a
folder of its own that is removed at the end. Everything that is sent is within the protocol. In turn:

  a flood each of RST_STREAM, CONTINUATION, SETTINGS, PING, PRIORITY, WINDOW_UPDATE, DATA without content, frames of
           extensions, and requests, up to 20,000 frames on a connection
  crowd    20 connections that send a flood of resets, and connect again when they are ended, for 10 seconds
  names    one stream subscribes to a million names that do not exist
  nodes    a thousand streams, one after the other, each of another node
  forged   10 streams send answers with nonces and versions that nobody sent, as fast as they can, for 10 seconds
  silent   100 proxies take their configuration and never acknowledge it
  closed   100 proxies with 300 services each grant no room for it
  deaf     100 proxies with 300 services each do not read

Printed are what was sent, how connections ended, the resident memory, and how long a proxy waited meanwhile that connects and asks
for its clusters, again and again. The whole takes two to three minutes for each program. Only Python is needed.
"""

import collections
import http.client
import json
import multiprocessing
import re
import resource
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

from xds import CLUSTER, MIB, PATH, Ended, Peak, Program, Stream, field, framed, nonce, programs

LISTENER = b"type.googleapis.com/envoy.config.listener.v3.Listener"
SERVICES = 300
READERS = 100
FRAMES = 20_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, GO_AWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
frame = Stream.frame


def dataplane(name, services=0):
    text = (
        f"type: Dataplane\nmesh: default\nname: {name}\nnetworking:\n  address: 127.0.0.1\n  inbound: [{{port: 8080, tags: "
        f"{{kuma.io/service: {name}, kuma.io/protocol: http}}}}]\n")
    if services:
        text += "  outbound:\n" + "".join(
            f"  - {{port: {20_000 + index}, tags: {{kuma.io/service: service-{index}}}}}\n" for index in range(services))
    return text.encode()


def request(name, kind=CLUSTER, services=0, names=(), answered=b"", is_first=True, error=b""):
    """A DeltaDiscoveryRequest."""
    message = b""
    if is_first:
        metadata = field(1, field(1, b"dataplane.resource") + field(2, field(3, dataplane(name, services))))
        message += field(1, field(1, b"default." + name.encode()) + field(3, metadata))
    message += field(2, kind) + b"".join(field(3, each) for each in names)
    if answered:
        message += field(6, answered)
    if error:
        message += field(7, field(2, error))
    return framed(message)


def headers(path=PATH):
    fields = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"),
    ]
    return b"".join(b"\0" + Stream.text(name) + Stream.text(value) for name, value in fields)


class Connection:
    """A connection of HTTP/2 that sends bytes as they are, and finds out how it is ended."""

    def __init__(self, port, settings=b"", receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, 1, 0))

    def flood(self, frames):
        """Sends frames until the connection ends; gives how many were sent."""
        sent = 0
        try:
            for each in frames:
                self.socket.sendall(each)
                sent += 1
        except OSError:
            pass
        return sent

    def end(self, patience=5):
        """How the server has ended the connection."""
        self.socket.settimeout(patience)
        data = b""
        try:
            while chunk := self.socket.recv(1 << 16):
                data = (data + chunk)[-(1 << 20):]
            how = "closed"
        except TimeoutError:
            how = "still open"
        except OSError:
            how = "reset"
        at = 0
        while at + 9 <= len(data):
            size = int.from_bytes(data[at:at + 3], "big")
            if data[at + 3] == GO_AWAY:
                payload = data[at + 9:at + 9 + size]
                how = f"GOAWAY {int.from_bytes(payload[4:8], 'big')} {payload[8:].decode(errors='replace')!r}"
            at += 9 + size
        self.socket.close()
        return how


class Bystander:
    """A proxy that connects and asks for its clusters, again and again, while a body runs: in a process of its own, so that it does
    not wait for the attacking threads."""

    def __init__(self, port):
        self.times, self.failures, self.ended = [], {}, multiprocessing.Event()
        self.results, results = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=self.run, args=(port, self.ended, results), daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    @staticmethod
    def run(port, ended, results):
        times, failures = [], collections.Counter()
        while not ended.wait(0.02):
            begin = time.monotonic()
            try:
                stream = Stream(port)
                stream.send(request("bystander"))
                stream.answer()
                stream.close()
                times.append(time.monotonic() - begin)
            except (Ended, OSError) as error:
                failures[str(error)] += 1
        results.send((times, dict(failures)))

    def __exit__(self, *_):
        self.ended.set()
        self.times, self.failures = self.results.recv()
        self.process.join()

    def __str__(self):
        if not self.times:
            return f"no answer {self.failures}"
        times = sorted(self.times)
        text = f"median {times[len(times) // 2] * 1000:.0f} ms, worst {times[-1] * 1000:.0f} ms of {len(times)}"
        return text + (f", failed {self.failures}" if self.failures else "")


def streams(frames_of):
    """Frames for each of very many streams."""
    return (frames_of(number * 2 + 1) for number in range(FRAMES))


FLOODS = {
    "resets": lambda: streams(lambda id: frame(HEADERS, 4, id, headers()) + frame(RESET, 0, id, struct.pack(">I", 8))),
    "continuation": lambda: (
        frame(CONTINUATION, 0, 1) if index else frame(HEADERS, 0, 1, headers()) for index in range(FRAMES)),
    "header block": lambda: (
        frame(CONTINUATION, 0, 1, bytes(4096)) if index else frame(HEADERS, 0, 1, headers()) for index in range(FRAMES)),
    "settings": lambda: (frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535)) for _ in range(FRAMES)),
    "pings": lambda: (frame(PING, 0, 0, bytes(8)) for _ in range(FRAMES)),
    "answers": lambda: (frame(PING, 1, 0, bytes(8)) for _ in range(FRAMES)),
    "priorities": lambda: (frame(PRIORITY, 0, 1, bytes(5)) for _ in range(FRAMES)),
    "windows": lambda: (frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) for _ in range(FRAMES)),
    "empty data": lambda: (frame(DATA, 0, 1) if index else frame(HEADERS, 4, 1, headers()) for index in range(FRAMES)),
    "extensions": lambda: (frame(0xBE, 0, 0, b"x") for _ in range(FRAMES)),
    "requests": lambda: streams(lambda id: frame(HEADERS, 5, id, headers("/none/none"))),
}


def flood(port, name):
    connection = Connection(port)
    sent = connection.flood(FLOODS[name]())
    return [f"{sent} of {FRAMES} sent; {connection.end()}"]


def crowd(port):
    ends, deadline, lock = collections.Counter(), time.monotonic() + 10, threading.Lock()

    def attack():
        while time.monotonic() < deadline:
            try:
                connection = Connection(port)
                connection.flood(FLOODS["resets"]())
                how = connection.end()
            except OSError as error:
                how = str(error)
            with lock:
                ends[how] += 1

    threads = [threading.Thread(target=attack) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [f"{count} x {how}" for how, count in ends.most_common(3)]


def million_names(port):
    stream, told = Stream(port), 0
    for part in range(50):
        names = [b"name-that-no-resource-has-%07d" % (part * 20_000 + index) for index in range(20_000)]
        stream.send(request("names", names=names, is_first=part == 0))
        message = stream.answer()
        told += len(message)
        stream.send(request("names", answered=nonce(message), is_first=False))
    stream.close()
    return [f"a million names, answered with {told / MIB:.1f} MiB in all"]


def nodes(port):
    answered = 0
    for index in range(1_000):
        stream = Stream(port)
        stream.send(request(f"node-{index}"))
        stream.answer()
        stream.close()
        answered += 1
    return [f"{answered} nodes answered"]


def forged(port):
    counts, deadline, lock = collections.Counter(), time.monotonic() + 10, threading.Lock()

    def attack(number):
        sent, how = 0, "still open"
        try:
            stream = Stream(port)
            stream.send(request(f"forger-{number}"))
            stream.answer()
            stream.socket.settimeout(1)
            while time.monotonic() < deadline:
                try:
                    stream.send(request("", answered=b"%d" % (1_000 + sent), error=b"no" * (sent % 2), is_first=False))
                except TimeoutError:
                    continue
                sent += 1
            stream.close()
        except (Ended, OSError) as error:
            how = str(error)
        with lock:
            counts[how] += 1
            counts["sent"] += sent

    threads = [threading.Thread(target=attack, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [f"{counts.pop('sent')} forged answers; {dict(counts)}"]


def readers(port, program, services, settings=b"", receive_buffer=None):
    """Proxies that open a stream, ask for clusters and listeners, and then do nothing, while what they get changes."""
    before, connections = program.resident, []
    for index in range(READERS):
        connection = Connection(port, settings, receive_buffer)
        first = request(f"reader-{index}", CLUSTER, services)
        connection.socket.sendall(
            frame(HEADERS, 4, 1, headers())
            + b"".join(frame(DATA, 0, 1, first[at:at + 16_384]) for at in range(0, len(first), 16_384))
            + frame(DATA, 0, 1, request("", LISTENER, is_first=False)))
        connections.append(connection)
    time.sleep(10)
    change(program)
    time.sleep(5)
    held = program.resident - before
    for connection in connections:
        connection.socket.close()
    return [f"{READERS} proxies, {held * 1024 / READERS:.0f} KB each"]


def ask(program, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", program.ports[0], timeout=30)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {text}")
    return text


def change(program):
    """Changes what every proxy of the mesh gets."""
    backend = {
        "name": "b", "type": "zipkin", "conf": {"url": f"http://127.0.0.1:9/{time.monotonic_ns()}", "apiVersion": "httpJson"}}
    ask(program, "PUT", "/meshes/default", {
        "type": "Mesh", "name": "default", "tracing": {"defaultBackend": "b", "backends": [backend]}})
    ask(program, "PUT", "/meshes/default/traffic-traces/all", {
        "type": "TrafficTrace", "mesh": "default", "name": "all", "selectors": [{"match": {"kuma.io/service": "*"}}],
        "conf": {"backend": "b"}})


def services(program):
    for index in range(SERVICES):
        name = f"service-{index}"
        ask(program, "PUT", f"/meshes/default/dataplanes/{name}", {
            "type": "Dataplane", "mesh": "default", "name": name, "networking": {
                "address": "127.0.0.1", "inbound": [
                    {"port": 10_000 + index, "tags": {"kuma.io/service": name, "kuma.io/protocol": "http"}}]}})


def refusals(program):
    connection = http.client.HTTPConnection("127.0.0.1", program.ports[2], timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    names = r"kuma_http2_refusals_total\{reason=\"(\w+)\"\}|(kuma_xds_requests_delayed_total)"
    return {a or b: int(float(count)) for a, b, count in re.findall(rf"^(?:{names}) (\S+)$", text, re.M) if float(count)}


def attack(program, title, body):
    before = program.resident
    with Peak(program) as peak, Bystander(program.ports[1]) as bystander:
        time.sleep(0.3)
        try:
            ends = body(program.ports[1])
        except (Ended, OSError) as error:
            ends = [str(error)]
        time.sleep(0.3)
    print(f"  {title:13} memory {before:4.0f} MB, at most +{peak.most - before:3.0f} MB; others: {bystander}", flush=True)
    for end in ends:
        print(f"                {end}", flush=True)


def main():
    paths = programs(__doc__)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for path in paths:
        folder = tempfile.mkdtemp(prefix="frames-attack-")
        try:
            program = Program(path, folder)
            print(path)
            attack(program, "nothing", lambda port: time.sleep(3) or ["for comparison"])
            for name in FLOODS:
                attack(program, name, lambda port, name=name: flood(port, name))
            attack(program, "crowd", crowd)
            attack(program, "names", million_names)
            attack(program, "nodes", nodes)
            attack(program, "forged", forged)
            attack(program, "silent", lambda port: readers(port, program, 0))
            services(program)
            closed = struct.pack(">HI", 4, 0)
            wide = struct.pack(">HI", 4, 64 * MIB)
            attack(program, "closed", lambda port: readers(port, program, SERVICES, closed))
            attack(program, "deaf", lambda port: readers(port, program, SERVICES, wide, 4096))
            print(f"  counted       {refusals(program)}")
            program.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
