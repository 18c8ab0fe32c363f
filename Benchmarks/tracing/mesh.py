"""A mesh of this machine for the benchmark: a control plane, one service that an Envoy answers for, and proxies in front of it.

Everything listens on loopback at ports that the system picks, writes below one folder, and ends with the `with` block.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request


class Failure(Exception):
    """Something came out that must not: figures of wrong work are worth nothing."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ask(url, method="GET", body=None, headers=None):
    """Sends a request; returns the body of the answer as text."""
    request = urllib.request.Request(
        url, method=method, data=None if body is None else json.dumps(body).encode(), headers=headers or {})
    if body is not None:
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        raise Failure(f"{method} {url}: {error.code}: {error.read().decode()[:500]}") from error


def wait_for(what, question, seconds=60, pause=0.05):
    """Asks until the answer is true; returns it."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if answer := question():
                return answer
        if time.monotonic() > end:
            raise Failure(f"waited in vain for {what}")
        time.sleep(pause)


class Process:
    """A child process with its output in a file."""

    def __init__(self, words, log, **environment):
        self.log = pathlib.Path(log)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("KUMA_")}
        with open(log, "w") as output:
            self.child = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=kept | environment)

    def check(self):
        """Fails when the process has ended."""
        if self.child.poll() is not None:
            raise Failure(f"{self.log.stem} ended with {self.child.returncode}:\n{self.log.read_text()[-3000:]}")
        return True

    def signal(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)

    def wait(self):
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def processor_seconds(process_id):
    """Processor time of all threads of a process so far; the system's number of its clock is made of its id."""
    return time.clock_gettime((~process_id << 3) | 2)


def child_processes(process_id):
    found = []
    for path in pathlib.Path(f"/proc/{process_id}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child)] + child_processes(int(child))
    return found


def envoy_below(process_id):
    """Which process is the Envoy: the one below `kuma-dp` that has its threads."""
    for child in child_processes(process_id):
        names = {path.read_text().strip() for path in pathlib.Path(f"/proc/{child}/task").glob("*/comm")}
        if any(name.startswith("wrk:worker") for name in names):
            return child
    return None


class Application:
    """The service: an Envoy that answers each request with 1 KiB, so that the client and the proxy are what takes time."""

    def __init__(self, envoy, folder):
        self.port, = free_ports(1)
        types = "type.googleapis.com/envoy.extensions.filters."
        manager = {
            "@type": types + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "application",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x" * 1024}}}]}]},
            "http_filters": [{"name": "router", "typed_config": {"@type": types + "http.router.v3.Router"}}],
        }
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.port}}
        path = pathlib.Path(folder, "application.json")
        path.write_text(json.dumps({"static_resources": {"listeners": [
            {"name": "application", "address": address, "filter_chains": [
                {"filters": [{"name": "manager", "typed_config": manager}]}]}]}}))
        self.process = Process(
            [envoy, "-c", path, "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"],
            pathlib.Path(folder, "application.log"))
        wait_for("the application", lambda: self.process.check() and ask(f"http://127.0.0.1:{self.port}/"))


class ControlPlane:
    """A `kuma-cp run`, whose collector receives the spans."""

    def __init__(self, program, folder):
        self.api, self.dataplane, self.diagnostics, self.collector, otlp = free_ports(5)
        pathlib.Path(folder, "state").mkdir()
        self.process = Process(
            [program, "run", "--work-dir", pathlib.Path(folder, "state"), "--api-port", self.api, "--dp-port", self.dataplane,
             "--api-https-port", "0", "--diagnostics-port", self.diagnostics, "--zipkin-port", self.collector, "--otlp-port", otlp, "--log-level", "warning"],
            pathlib.Path(folder, "kuma-cp.log"))
        wait_for("the control plane", lambda: self.process.check() and ask(f"http://127.0.0.1:{self.api}/meshes"))

    def put(self, path, document):
        ask(f"http://127.0.0.1:{self.api}{path}", "PUT", document)

    def explanation(self, name):
        """What the control plane says about the tracing of a proxy."""
        return json.loads(ask(f"http://127.0.0.1:{self.api}/meshes/default/dataplanes/{name}/_tracing"))

    def spans_received(self):
        """How many spans the collector has stored since it started."""
        text = ask(f"http://127.0.0.1:{self.diagnostics}/metrics")
        return int(re.search(r'^kuma_collector_spans_total\{result="stored"\} (\d+)', text, re.M)[1])

    def find(self, service, minutes=1):
        """The ids of the newest traces of a service, by search."""
        query = urllib.parse.urlencode({"serviceName": service, "limit": 20, "lookback": minutes * 60_000})
        traces = json.loads(ask(f"http://127.0.0.1:{self.collector}/api/v2/traces?{query}"))
        return {span["traceId"] for trace in traces for span in trace}

    def seconds(self):
        return processor_seconds(self.process.child.pid)

    def rest(self, pause=0.1, quiet=0.002, most=8):
        """Waits until the control plane has nothing left to do, compaction in the background included."""
        end, last = time.monotonic() + most, self.seconds()
        while time.monotonic() < end:
            time.sleep(pause)
            now = self.seconds()
            if now - last < quiet:
                return
            last = now


class Proxy:
    """A `kuma-dp` with an Envoy of one worker, configured by the control plane, in front of the application."""

    def __init__(self, name, control_plane, application, kuma_dp, envoy, folder):
        self.name = name
        self.port, self.administration = free_ports(2)
        path = pathlib.Path(folder, f"{name}.json")
        path.write_text(json.dumps({
            "type": "Dataplane", "mesh": "default", "name": name,
            "networking": {"address": "127.0.0.1", "inbound": [
                {"port": self.port, "servicePort": application.port,
                 "tags": {"kuma.io/service": name, "kuma.io/protocol": "http"}}]}}))
        self.process = Process(
            [kuma_dp, "run", "--dataplane-file", path, "--cp-address", f"https://127.0.0.1:{control_plane.dataplane}",
             "--binary-path", envoy, "--concurrency", "1", "--admin-port", self.administration, "--drain-time", "1s",
             "--envoy-log-level", "error", "--log-level", "warning"],
            pathlib.Path(folder, f"{name}.log"))

    def is_ready(self):
        self.process.check()
        return ask(f"http://127.0.0.1:{self.port}/") and self.find_envoy()

    def find_envoy(self):
        self.envoy = envoy_below(self.process.child.pid)
        return self.envoy is not None

    def seconds(self):
        return processor_seconds(self.envoy)

    def ask(self, path, method="GET"):
        return ask(f"http://127.0.0.1:{self.administration}{path}", method)

    def counters(self, pattern):
        return collections.Counter({
            name: int(value) for name, value in re.findall(r"^(\S+): (\d+)$", self.ask(f"/stats?filter={pattern}"), re.M)})

    def form(self):
        """The form of its spans as Envoy holds it: HTTP_JSON, HTTP_PROTO, or nothing when it does not trace."""
        found = re.search(r'"collector_endpoint_version": "(\w+)"', self.ask("/config_dump?resource=dynamic_listeners"))
        return found and found[1]

    def set_report_size(self, spans):
        """Sets the number of spans in a report, in the layer that an operator has for that."""
        self.ask(f"/runtime_modify?tracing.zipkin.min_flush_spans={spans}", "POST")

    def runtime(self, key):
        """The value of a runtime key, or nothing."""
        return json.loads(self.ask("/runtime"))["entries"].get(key, {}).get("final_value")

    def traced(self):
        """The least and the largest number of spans that Envoy owes for the requests so far.

        A request whose client leaves at once has a span or not, and Envoy does not count what it decided.
        """
        counters = self.counters(r"^http.localhost_\d+.(tracing.(random_sampling|service_forced|client_enabled)|downstream_rq_rx_reset)$")
        left = sum(count for name, count in counters.items() if name.endswith("rx_reset"))
        total = sum(counters.values())
        return total - left, total
