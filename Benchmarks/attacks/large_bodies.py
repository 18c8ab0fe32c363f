#!/usr/bin/env python3
"""How long do others wait while a collector reads one large body?

    .build/debug/kuma-cp collector --zipkin-port 28100 --no-otlp --store-file /tmp/attacked.db
    Benchmarks/attacks/large_bodies.py http://127.0.0.1:28100

Each body is small when packed (about 100 KB, so that it is not taken for a bomb) and as costly as the bounds of a body of
10 MiB let it be. It is sent once, while others ask for the collector's health and send one span each, 20 times a second. Shown are the body's sizes and
the collector's answer with its time, and the longest waits of the others, first without a body. Nothing but Python is
needed. Only loopback addresses are taken.
"""
import argparse
import gzip
import http.client
import json
import random
import threading
import time
import urllib.parse

LIMIT = 10 << 20
# What cannot be packed, as a field of OpenTelemetry's request that nobody knows, or as blanks in JSON.
NOISE = random.Random(1).randbytes(60_000)
BLANKS = bytes(random.Random(1).choice(b" \n\t\r") for _ in range(250_000))


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(key, value=b""):
    return field(1, key.encode()) + field(2, value)


def spans(count, more=b""):
    return b"".join(
        field(2, field(1, bytes(8) + (1 << 40 | index).to_bytes(8, "big")) + field(2, (index + 1).to_bytes(8, "big")) + more)
        for index in range(count))


def resource_times_spans():
    resource = field(1, b"".join(field(1, attribute(f"a{index}", field(1, b"v"))) for index in range(500)))
    return field(1, resource + field(2, spans(20_000)))


def resource_times_scopes():
    resource = field(1, b"".join(field(1, attribute(f"a{index}", field(1, b"v"))) for index in range(500)))
    return field(1, resource + b"\x12\x00" * (LIMIT // 2 - 50_000))


def nested_lists():
    value = b"\x0a\x00" * (LIMIT // 2 - 50_000)
    for _ in range(15):
        value = field(1, field(5, value))
    return field(1, field(2, spans(1, field(9, attribute("list", field(5, value))))))


def empty_events():
    return field(1, field(2, spans(4_500, b"\x5a\x00" * 1_000)))


def many_tags():
    tags = ",".join(f'"{index:x}":""' for index in range(512))
    span = f'{{"traceId":"1","id":"2","tags":{{{tags}}}}}'
    return ("[" + ",".join([span] * ((LIMIT - len(BLANKS)) // (len(span) + 1))) + "]").encode()


def many_binary_annotations():
    tags = ",".join(f'{{"key":"{index:x}","value":""}}' for index in range(512))
    span = f'{{"traceId":"1","id":"2","binaryAnnotations":[{tags}]}}'
    return ("[" + ",".join([span] * ((LIMIT - len(BLANKS)) // (len(span) + 1))) + "]").encode()


def repeated_name():
    sides = ",".join(f'{{"timestamp":1,"value":"sr","endpoint":{{"serviceName":"s{index}"}}}}' for index in range(16))
    span = f'{{"traceId":"1","id":"2","name":"{"n" * 100_000}","annotations":[{sides}]}}'
    return ("[" + ",".join([span] * ((LIMIT - len(BLANKS)) // (len(span) + 1))) + "]").encode()


def refused_spans():
    return b"[" + b",".join([b"{}"] * 20_000) + b"]"


BODIES = [
    ("500 attributes of a resource, 20,000 spans", "/v1/traces", "application/x-protobuf", resource_times_spans),
    ("500 attributes of a resource, empty scopes", "/v1/traces", "application/x-protobuf", resource_times_scopes),
    ("lists within lists", "/v1/traces", "application/x-protobuf", nested_lists),
    ("1,000 empty events in each span", "/v1/traces", "application/x-protobuf", empty_events),
    ("512 tags in each span, v2", "/api/v2/spans", "application/json", many_tags),
    ("512 tags in each span, v1", "/api/v1/spans", "application/json", many_binary_annotations),
    ("a long name at 16 services, v1", "/api/v1/spans", "application/json", repeated_name),
    ("20,000 spans that are refused", "/api/v2/spans", "application/json", refused_spans),
    ("a bomb", "/v1/traces", "application/x-protobuf", lambda: bytes(100 << 20)),
]


class Others:
    """Ask and send on connections of their own until told to stop."""

    def __init__(self, address):
        self.address, self.isOver, self.waits = address, threading.Event(), {"health": [], "span": []}
        self.threads = [threading.Thread(target=self.run, args=(name,)) for name in self.waits]

    def run(self, name):
        connection = http.client.HTTPConnection(*self.address, timeout=300)
        while not self.isOver.is_set():
            begin = time.monotonic()
            if name == "health":
                connection.request("GET", "/health")
            else:
                span = [{"traceId": f"{random.getrandbits(63) + 1:x}", "id": "1", "name": "other"}]
                connection.request("POST", "/api/v2/spans", json.dumps(span), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.waits[name].append(time.monotonic() - begin)
            time.sleep(0.05)
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.isOver.set()
        for thread in self.threads:
            thread.join()

    def __str__(self):
        return "   ".join(f"{name} {1000 * max(waits):7.0f} ms" for name, waits in self.waits.items())


def send(address, path, kind, packed):
    connection = http.client.HTTPConnection(*address, timeout=600)
    begin = time.monotonic()
    connection.request("POST", path, packed, {"Content-Type": kind, "Content-Encoding": "gzip"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of a collector on this machine")
    parser.add_argument("--only", type=int, help="the number of one body, from 1")
    arguments = parser.parse_args()
    url = urllib.parse.urlsplit(arguments.url)
    if url.hostname not in ("127.0.0.1", "::1", "localhost"):
        parser.error("only a collector on this machine is attacked")
    address = (url.hostname, url.port or 9411)
    with Others(address) as others:
        time.sleep(3)
    print(f"{'nobody':44}{'':40}   others wait: {others}")
    for number, (name, path, kind, make) in enumerate(BODIES, 1):
        if arguments.only not in (None, number):
            continue
        body = make()
        if name != "a bomb":
            body = (field(15, NOISE) if kind.endswith("protobuf") else BLANKS) + body
        packed = gzip.compress(body, 9)
        with Others(address) as others:
            time.sleep(0.5)
            status, seconds = send(address, path, kind, packed)
            time.sleep(0.5)
        sizes = f"{len(packed) / 1000:6.0f} kB -> {len(body) / 1e6:5.1f} MB"
        print(f"{name:44}{sizes:22} {status} after {seconds:6.2f} s   others wait: {others}", flush=True)


if __name__ == "__main__":
    main()
