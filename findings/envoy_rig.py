"""What the findings about Envoy share: one real Envoy with one listener, a service behind it and a collector of spans.

Python's standard library only; everything listens on loopback, at ports that the system picks, and ends with the `with` block.
"""

import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers every request with the server's status, and keeps its path, headers and body."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def server(status, port=0):
    """An HTTP server that records; `.requests` has (path, headers, body), `.port` its port, a free one unless it is given."""
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", port), Recorder)
    listening.daemon_threads = True
    listening.status, listening.requests, listening.port = status, [], listening.server_address[1]
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield listening
    finally:
        listening.shutdown()
        listening.server_close()


def cluster(name, port):
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {
        "name": name, "type": "STATIC", "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


class Envoy:
    """A running Envoy. `tracing` is the part `tracing` of its HTTP connection manager, with the cluster `collector` to send to.

    `ports` are those of its listeners, which are equal; `port` is the first. `collector_cluster` has more fields of that cluster.
    Both may be changed while it runs if it is `dynamic`.
    """

    def __init__(
            self, executable, tracing, service, collector, runtime=None, connection_manager=None, listener=None, listeners=1,
            collector_cluster=None, dynamic=False, arguments=()):
        self.ports, self.admin = [free_port() for _ in range(listeners)], free_port()
        self.port = self.ports[0]
        self.connection_manager, self.listener, self.collector = connection_manager or {}, listener or {}, collector
        self.folder = tempfile.TemporaryDirectory()
        self.versions = 0
        config = {
            "node": {"id": "n", "cluster": "web"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}},
            "layered_runtime": {
                "layers": [{"name": "static", "static_layer": runtime or {}}, {"name": "admin", "admin_layer": {}}]},
            "static_resources": {"clusters": [cluster("service", service)]},
        }
        if dynamic:
            config["dynamic_resources"] = {
                "lds_config": {"path_config_source": {"path": self.path("listeners")}},
                "cds_config": {"path_config_source": {"path": self.path("clusters")}}}
            self.set_listeners(tracing)
            self.set_collector_cluster(collector_cluster)
        else:
            config["static_resources"]["listeners"] = self.listeners(tracing)
            config["static_resources"]["clusters"].append(self.collector_cluster(collector_cluster))
        with open(self.path("envoy"), "w") as file:
            json.dump(config, file)
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen(
            [executable, "-c", self.path("envoy"), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warn", *arguments],
            stdout=self.log, stderr=self.log, start_new_session=True)

    def path(self, name):
        return os.path.join(self.folder.name, f"{name}.json")

    def listeners(self, tracing):
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in", "tracing": tracing,
            "route_config": {
                "virtual_hosts": [
                    {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "service"}}]}]},
            "http_filters": [
                {"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        } | self.connection_manager
        address = lambda port: {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        return [
            {"name": f"in:{port}", "address": address(port), "filter_chains": [
                {"filters": [{"name": "hcm", "typed_config": manager}]}]} | self.listener for port in self.ports]

    def collector_cluster(self, more):
        return cluster("collector", self.collector) | (more or {})

    def set_listeners(self, tracing):
        """Changes the tracing of the listeners of an Envoy that is `dynamic`."""
        self.write("listeners", "listener.v3.Listener", self.listeners(tracing))

    def set_collector_cluster(self, more):
        """Changes the further fields of the collector's cluster of an Envoy that is `dynamic`."""
        self.write("clusters", "cluster.v3.Cluster", [self.collector_cluster(more)])

    def write(self, name, kind, resources):
        self.versions += 1
        content = {
            "version_info": str(self.versions),
            "resources": [{"@type": f"type.googleapis.com/envoy.config.{kind}"} | each for each in resources]}
        with open(self.path(f"{name}.new"), "w") as file:
            json.dump(content, file)
        # Envoy reads a file that is moved to its path.
        os.rename(self.path(f"{name}.new"), self.path(name))

    def __enter__(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if self.ask("/ready")[0] == 200:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.log.seek(0)
        text = self.log.read()
        self.__exit__()
        raise SystemExit(f"Envoy did not start:\n{text}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def ask(self, path, method="GET"):
        """Asks the administration interface; returns the status and the text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def counter(self, name):
        """The value of a counter, 0 when Envoy has none of that name."""
        for line in self.ask(f"/stats?filter=^{name}$")[1].splitlines():
            return int(line.split(": ")[1])
        return 0

    def get(self, headers=None, path="/", port=None):
        """Sends a request through a listener, the first unless said otherwise, on a connection of its own; returns its status."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status


def zipkin(version="HTTP_JSON", **more):
    """The part `tracing` for Zipkin, at 100 percent unless said otherwise."""
    provider = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig", "collector_cluster": "collector",
        "collector_endpoint": "/api/v2/spans", "collector_endpoint_version": version, "collector_hostname": "collector",
    }
    return {"provider": {"name": "envoy.tracers.zipkin", "typed_config": provider}} | more


def json_spans(collector):
    return [span for _, _, body in collector.requests for span in json.loads(body)]


def protobuf_fields(message):
    """The length-delimited fields of a protobuf message, by number; numbers of other kinds are passed over."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            varint()
        elif key & 7 == 1:
            at += 8
        elif key & 7 == 5:
            at += 4
        else:
            length = varint()
            found.setdefault(key >> 3, []).append(message[at:at + length])
            at += length
    return found


def wait_for(question, seconds=15):
    """Asks until the answer is true; returns the last answer."""
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def check(what, seen, expected):
    """Prints what was seen, and ends with an error when it is not what was seen when this was written."""
    print(f"{what}: {seen}")
    if seen != expected:
        raise SystemExit(f"CHANGED: {what}: {seen!r} instead of {expected!r}")
