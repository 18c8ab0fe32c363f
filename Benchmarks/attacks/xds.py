#!/usr/bin/env python3
"""Attacks the discovery streams of a control plane of its own, and shows what that costs in memory.

  Benchmarks/attacks/xds.py KUMA_CP [KUMA_CP …]

Each program (such as .build/release/kuma-cp, and one from before a change) is started on free ports of 127.0.0.1, with a
folder of its own that is removed at the end, and attacked in turn:

  names    one incremental stream subscribes to 24 MiB of names that do not exist, in six requests.
  halves   20 connections send a request of 4 MiB but its end, and stay for a while.
  crowd    20 connections do the same with 16 MiB, as far as they get.
  large    an incremental request of almost 16 MiB, plain and packed (gzip): it has to be answered.
  bomb     a request that is small when packed and 64 MiB when unpacked.
  rejected a proxy refuses its clusters with a reason of 100 KB.

Printed are the resident memory before, at most, and 10 seconds after the last connection is closed, and the words with which
streams ended. The whole takes about a minute for each program. Only the Python standard library is needed.
"""

import argparse
import gzip
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
CLUSTER = b"type.googleapis.com/envoy.config.cluster.v3.Cluster"
PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


DATAPLANE = b"""
type: Dataplane
mesh: default
name: attacker
networking:
  address: 127.0.0.1
  inbound: [{port: 8080, tags: {kuma.io/service: attacker, kuma.io/protocol: http}}]
"""


def delta(names=(), nonce=b"", error=b""):
    """A DeltaDiscoveryRequest for clusters, of a proxy that brings its Dataplane along."""
    metadata = field(1, field(1, b"dataplane.resource") + field(2, field(3, DATAPLANE)))
    message = bytearray(field(1, field(1, b"default.attacker") + field(3, metadata)) + field(2, CLUSTER))
    for name in names:
        message += field(3, name)
    if nonce:
        message += field(6, nonce)
    if error:
        message += field(7, field(2, error))
    return bytes(message)


def framed(message, packed=False):
    return bytes([packed]) + struct.pack(">I", len(message)) + message


def names(size, prefix):
    """Names of 40 bytes that take so many bytes in a request."""
    return [b"%s-%037d" % (prefix, index) for index in range(size // 42)]


class Ended(Exception):
    """The stream or its connection has ended."""


class Stream:
    """One gRPC stream on a connection of its own."""

    def __init__(self, port, packed=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.windows = [65_535, 65_535]
        self.buffer = b""
        self.messages = b""
        self.words = ""
        headers = [
            (":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ]
        if packed:
            headers.append(("grpc-encoding", "gzip"))
        block = b"".join(b"\0" + self.text(name) + self.text(value) for name, value in headers)
        grow = self.frame(8, 0, 0, struct.pack(">I", 64 * MIB))
        settings = self.frame(4, 0, 0, struct.pack(">HI", 4, 64 * MIB))
        self.socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + grow + self.frame(1, 4, 1, block))

    @staticmethod
    def text(value):
        data = value.encode()
        # A length below 127 is one byte of HPACK, a longer one a byte and a number.
        length = bytes([len(data)]) if len(data) < 127 else b"\x7f" + varint(len(data) - 127)
        return length + data

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def send(self, data):
        view = memoryview(data)
        while view:
            while min(self.windows) <= 0:
                self.read()
            size = min(16_384, len(view), *self.windows)
            self.socket.sendall(self.frame(0, 0, 1, bytes(view[:size])))
            self.windows = [window - size for window in self.windows]
            view = view[size:]

    def read(self):
        """Takes one frame."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            data = self.socket.recv(1 << 18)
            if not data:
                raise Ended("the connection was closed")
            self.buffer += data
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags = self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        if kind == 0:
            self.messages += payload
        elif kind == 1 and flags & 1:
            # HPACK writes words with Huffman's code; the status is all that is needed to tell one end from another.
            raise Ended("trailers of %d bytes: the stream ended in words" % size)
        elif kind == 3:
            raise Ended("RST_STREAM %d" % int.from_bytes(payload, "big"))
        elif kind == 4 and not flags & 1:
            for at in range(0, size, 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:
                    self.windows[1] += value - 65_535
            self.socket.sendall(self.frame(4, 1, 0))
        elif kind == 6 and not flags & 1:
            self.socket.sendall(self.frame(6, 1, 0, payload))
        elif kind == 7:
            raise Ended("GOAWAY %d" % int.from_bytes(payload[4:8], "big"))
        elif kind == 8:
            self.windows[1 if stream else 0] += int.from_bytes(payload, "big")

    def answer(self):
        """Waits for a whole message and gives it."""
        while len(self.messages) < 5 or len(self.messages) < 5 + int.from_bytes(self.messages[1:5], "big"):
            self.read()
        size = int.from_bytes(self.messages[1:5], "big")
        message, self.messages = self.messages[5:5 + size], self.messages[5 + size:]
        return message

    def close(self):
        self.socket.close()


def nonce(message):
    """The nonce of a DeltaDiscoveryResponse whose fields are all length-delimited."""
    at = 0
    while at < len(message):
        number = message[at] >> 3
        at += 1
        size, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if number == 5:
            return message[at:at + size]
        at += size
    return b""


class Program:
    """A running control plane."""

    def __init__(self, path, folder):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KUMA_")}
        self.log_file = pathlib.Path(folder) / "log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [path, "run", "--work-dir", folder, "--api-port", str(self.ports[0]), "--dp-port", str(self.ports[1]),
                 "--api-https-port", "0", "--diagnostics-port", str(self.ports[2])],
                env=environment | {"KUMA_COLLECTOR_ENABLED": "false"}, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.listens():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"{path} does not start:\n{self.log_file.read_text()}")
            time.sleep(0.1)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.ports[1]), timeout=1).close()
            return True
        except OSError:
            return False

    @property
    def resident(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Peak:
    """The most memory while a body runs."""

    def __init__(self, program):
        self.program, self.most, self.ended = program, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.ended.wait(0.02):
            self.most = max(self.most, self.program.resident)

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def subscribe(port):
    stream = Stream(port)
    try:
        for part in range(6):
            stream.send(framed(delta(names(4 * MIB - 200, b"%d" % part))))
            message = stream.answer()
            stream.send(framed(delta(nonce=nonce(message))))
        return ["taken"]
    finally:
        stream.close()


def halves(port, count, size):
    streams, ends = [], []
    message = framed(delta(names(size - 200, b"n")))[:-1]
    try:
        for _ in range(count):
            stream = Stream(port)
            streams.append(stream)
            try:
                stream.send(message)
                ends.append("half a request is waited for")
            except (Ended, OSError) as error:
                ends.append(str(error))
                stream.close()
        time.sleep(3)
        return ends
    finally:
        for stream in streams:
            stream.close()


def large(port):
    ends = []
    message = delta(names(16 * MIB - 200, b"n"))
    for packed in (False, True):
        stream = Stream(port, packed)
        stream.send(framed(gzip.compress(message, 6) if packed else message, packed))
        ends.append("answered with %d bytes" % len(stream.answer()))
        stream.close()
    return ends


def bomb(port):
    stream = Stream(port, True)
    try:
        stream.send(framed(gzip.compress(bytes(64 * MIB)), True))
        return ["answered with %d bytes" % len(stream.answer())]
    finally:
        stream.close()


def rejected(port):
    stream = Stream(port)
    stream.send(framed(delta()))
    stream.send(framed(delta(nonce=nonce(stream.answer()), error=b"\x1b[31m" + b"x" * 100_000)))
    time.sleep(1)
    stream.close()
    return ["sent"]


def attack(program, title, body):
    before = program.resident
    with Peak(program) as peak:
        try:
            ends = body(program.ports[1])
        except (Ended, OSError) as error:
            ends = [str(error)]
    time.sleep(10)
    after = program.resident
    print(f"  {title:9} before {before:4.0f} MB, at most +{peak.most - before:4.0f} MB, afterwards {after - before:+4.0f} MB", flush=True)
    for end in sorted(set(ends)):
        print(f"            {ends.count(end)} x {end}", flush=True)


def programs(description):
    """The programs that the command line names, each an executable file."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="KUMA_CP", help="a control plane, such as .build/release/kuma-cp")
    paths = parser.parse_args().programs
    for path in paths:
        if not (os.path.isfile(path) and os.access(path, os.X_OK)):
            parser.error(f"{path} is not a program; `make release` builds .build/release/kuma-cp")
    return paths


def main():
    for path in programs(__doc__):
        folder = tempfile.mkdtemp(prefix="xds-attack-")
        try:
            program = Program(path, folder)
            print(path)
            attack(program, "names", subscribe)
            attack(program, "halves", lambda port: halves(port, 20, 4 * MIB))
            attack(program, "crowd", lambda port: halves(port, 20, 16 * MIB))
            attack(program, "large", large)
            attack(program, "bomb", bomb)
            attack(program, "rejected", rejected)
            reasons = [line for line in program.log_file.read_text(errors="replace").splitlines() if "reason=" in line]
            print(f"  {len(reasons)} lines of the log give a reason, such as: {reasons[0][:300] if reasons else 'none'}")
            program.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
