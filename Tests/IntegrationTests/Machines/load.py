#!/usr/bin/env python3
"""Sends requests to a control plane over connections that stay open, until SIGTERM.

    load.py API-PORT COLLECTOR-PORT

Eight clients read and write resources, send spans and search for them, each with one request at a time. No request is sent again: one
without an answer of success is a failure, and so is a connection that is refused. Prints JSON: requests, failures, and what was
acknowledged (meshes, traces).
"""
import http.client
import json
import random
import signal
import sys
import threading
import time

api, collector = int(sys.argv[1]), int(sys.argv[2])
stop = threading.Event()
lock = threading.Lock()
outcome = {"requests": 0, "connections": 0, "failures": [], "meshes": [], "traces": []}


class Client(threading.Thread):
    def __init__(self, number, port, make):
        super().__init__()
        self.number, self.port, self.make, self.count = number, port, make, 0

    def run(self):
        connection = None
        while not stop.is_set():
            self.count += 1
            method, path, body, kind, name = self.make(self)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)
                    connection.connect()
                    with lock:
                        outcome["connections"] += 1
                connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
                answer = connection.getresponse()
                text = answer.read()
                with lock:
                    outcome["requests"] += 1
                    if answer.status not in (200, 201, 202):
                        outcome["failures"].append(f"{method} {path}: {answer.status} {text[:200]!r}")
                    elif kind:
                        outcome[kind].append(name)
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                connection = None
                with lock:
                    outcome["failures"].append(f"{method} {path}: {error!r}")
                time.sleep(0.05)
            time.sleep(0.01)


def read_mesh(client):
    return "GET", "/meshes/default", None, None, None


def write_mesh(client):
    name = f"load-{client.number}-{client.count}" if client.count <= 100 else f"load-{client.number}-{client.count % 100 + 1}"
    return "PUT", f"/meshes/{name}", json.dumps({"type": "Mesh", "name": name}), "meshes", name


def send_span(client):
    trace = f"{random.getrandbits(64) or 1:016x}"
    span = {
        "traceId": trace, "id": trace, "name": "load", "timestamp": int(time.time() * 1e6), "duration": 1000,
        "localEndpoint": {"serviceName": "load"}}
    return "POST", "/api/v2/spans", json.dumps([span]), "traces", trace


def search(client):
    return "GET", "/api/v2/services", None, None, None


clients = [
    Client(number, port, make)
    for number, (port, make) in enumerate(
        [(api, read_mesh), (api, write_mesh), (collector, send_span), (collector, search)] * 2)
]
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
for client in clients:
    client.start()
signal.sigwait({signal.SIGTERM})
stop.set()
for client in clients:
    client.join()
print(json.dumps(outcome))
