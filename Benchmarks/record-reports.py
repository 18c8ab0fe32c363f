#!/usr/bin/env python3
"""Records what real Envoys send to a collector as Zipkin's protobuf, for the benchmark `reports`.

  Benchmarks/record-reports.py ENVOY FOLDER

Four services, each with an Envoy for requests that come in and for requests that go out, as in a mesh: `gateway` calls `orders`, which
calls `stock`, or calls `users`. An Envoy's inbound listener sends requests to its own outbound listener, which is an application that
passes on the trace's headers. Reports of 50 spans, one file each, in the order in which they came.
"""

import concurrent.futures
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "findings"))
import envoy_rig as rig

SPANS = 50
REQUESTS = 100
# Which services an Envoy calls, by the beginning of a path; the others answer.
CALLS = {"gateway": {"/orders": "orders", "/users": "users"}, "orders": {"/": "stock"}, "stock": {}, "users": {}}
FILTERS = "type.googleapis.com/envoy.extensions.filters."


def listener(name, port, direction, routes):
    manager = {
        "@type": FILTERS + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": name,
        "tracing": rig.zipkin("HTTP_PROTO", spawn_upstream_span=False),
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": FILTERS + "http.router.v3.Router"}}],
    }
    return {
        "name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "traffic_direction": direction,
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
    }


def configuration(service, ports, collector):
    inbound, outbound, admin = ports[service]
    calls = CALLS[service]
    answer = [
        {"match": {"prefix": "/", "headers": [{"name": "x-fail", "present_match": True}]}, "direct_response": {"status": 503}},
        {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x" * 300}}}]
    application = [{"match": {"prefix": "/"}, "route": {"cluster": f"localhost:{outbound}", "timeout": "0s"}}]
    listeners = [
        listener(f"inbound:127.0.0.1:{inbound}", inbound, "INBOUND", application),
        listener(f"outbound:127.0.0.1:{outbound}", outbound, "OUTBOUND", [
            {"match": {"prefix": path}, "route": {"cluster": called, "timeout": "15s"}} for path, called in calls.items()] or answer),
    ]
    if not calls:
        # A service that calls nobody: what answers is not a proxy, and is not traced.
        del listeners[1]["filter_chains"][0]["filters"][0]["typed_config"]["tracing"]
    return {
        "node": {"id": f"default.{service}-1", "cluster": service},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "layered_runtime": {"layers": [{"name": "tracing", "static_layer": {"tracing.zipkin.min_flush_spans": SPANS}}]},
        "static_resources": {
            "listeners": listeners,
            "clusters": [rig.cluster(called, ports[called][0]) for called in calls.values()]
            + [rig.cluster(f"localhost:{outbound}", outbound), rig.cluster("collector", collector)],
        },
    }


@contextlib.contextmanager
def envoy(executable, config, folder):
    path = os.path.join(folder, config["node"]["cluster"] + ".json")
    with open(path, "w") as file:
        json.dump(config, file)
    process = subprocess.Popen(
        [executable, "-c", path, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def ask(port, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def is_ready(port):
    with contextlib.suppress(OSError):
        return ask(port, "/ready") == 200


def main(executable, folder):
    ports = {service: [rig.free_port() for _ in range(3)] for service in CALLS}
    with contextlib.ExitStack() as stack:
        collector = stack.enter_context(rig.server(202))
        files = stack.enter_context(tempfile.TemporaryDirectory())
        for service in CALLS:
            stack.enter_context(envoy(executable, configuration(service, ports, collector.port), files))
        for service in CALLS:
            if not rig.wait_for(lambda: is_ready(ports[service][2])):
                raise SystemExit(f"the Envoy of {service} did not start")

        def request(number):
            path = f"/orders/{number % 40}?size={number % 7}" if number % 2 == 0 else f"/users/{number}/profile"
            headers = {"user-agent": f"shop/{number % 3}.0"} | ({"x-fail": "1"} if number % 25 == 0 else {})
            ask(ports["gateway"][0], path, headers)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(request, range(REQUESTS)))
        # Of each request the gateway reports two spans; of every second one `orders` two, `stock` one; of the others `users` one.
        reports = REQUESTS * 4 // SPANS
        rig.wait_for(lambda: len(collector.requests) >= reports)
        os.makedirs(folder, exist_ok=True)
        for number, (path, headers, body) in enumerate(collector.requests):
            sender = next(service for service in CALLS if f"default.{service}-1".encode() in body)
            with open(os.path.join(folder, f"{number + 1}-{sender}.pb"), "wb") as file:
                file.write(body)
            print(path, headers, len(body), sender)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2])
