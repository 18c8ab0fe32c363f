#!/usr/bin/env python3
"""What the redirection of connections costs a request through two proxies.

  Benchmarks/redirection/cost.py [--rounds 20] [--seconds 2] [--json FILE]
                                 [--kuma-cp FILE] [--kuma-dp FILE] [--kumactl FILE] [--envoy FILE] [--wrk FILE]

wrk -> Envoy with one worker -> Envoy with one worker -> an Envoy that answers each request with 1 KiB; client and service are in network
namespaces of their own, and the proxies are real `kuma-dp`s that a real `kuma-cp` configures. There are two such pairs:

  explicit     wrk calls a port of loopback at which the first proxy listens; the second listens at the port of its inbound.
  redirected   wrk calls an address that nobody has. Rules of `kumactl install transparent-proxy` lead the connection to the first
               proxy, and what comes to the service to the second.

In each round both are measured once, in an order that changes; each ratio is that of one round. Printed are medians and quartiles, for
connections that stay open and for a connection per request. It needs the rights of root, iptables and iproute2; all namespaces end with
this process.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT / "Benchmarks/tracing"))

from mesh import Failure, Process, ask, envoy_below, processor_seconds, wait_for  # noqa: E402

PROXY_USER = 5678
SERVICE_USER = 1000
SERVICE_PORT = 8080
VIRTUAL = "10.96.0.1"
PAIRS = ("explicit", "redirected")


def say(text):
    print(text, file=sys.stderr, flush=True)


def command(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, words))} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


class Namespace:
    """A network namespace with an address on the common bridge, as a pod has it."""

    def __init__(self, name, number):
        self.name, self.address = name, f"10.244.0.{number}"
        command("ip", "netns", "add", name)
        command("ip", "link", "add", f"to-{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        command("ip", "link", "set", f"to-{number}", "master", "pods", "up")
        # A connection per request takes many ports.
        command("ip", "netns", "exec", name, "sh", "-c", "echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range; echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{self.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up"),
                      ("route", "add", "default", "via", "10.244.0.254")):
            command("ip", "-n", name, *words)

    def inside(self, words, user=None):
        """The command line that runs another one in the namespace, as a user."""
        as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--"] if user else []
        return [str(word) for word in ["ip", "netns", "exec", self.name, *as_user, *words]]


class ControlPlane:
    """A `kuma-cp run` in the namespace of the bridge."""

    address = "10.244.0.254"

    def __init__(self, program, folder):
        state = pathlib.Path(folder, "state")
        state.mkdir()
        self.process = Process(
            [program, "run", "--work-dir", state, "--log-level", "warning"], pathlib.Path(folder, "kuma-cp.log"),
            KUMA_DP_SERVER_INTERFACE=self.address)
        wait_for("the control plane", lambda: self.process.check() and ask("http://127.0.0.1:5681/meshes"))

    def put(self, document):
        path = "/meshes/default" if document["type"] == "Mesh" else f"/meshes/default/dataplanes/{document['name']}"
        ask(f"http://127.0.0.1:5681{path}", "PUT", document)


class Service:
    """An Envoy that answers each request with 1 KiB, at all addresses of its namespace."""

    def __init__(self, namespace, port, envoy, folder):
        types = "type.googleapis.com/envoy.extensions.filters."
        manager = {
            "@type": types + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "service",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "x" * 1024}}}]}]},
            "http_filters": [{"name": "router", "typed_config": {"@type": types + "http.router.v3.Router"}}],
        }
        address = {"socket_address": {"address": "0.0.0.0", "port_value": port}}
        path = pathlib.Path(folder, f"{namespace.name}.json")
        path.write_text(json.dumps({"static_resources": {"listeners": [
            {"name": "service", "address": address, "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}]}]}}))
        path.chmod(0o644)
        self.process = Process(
            namespace.inside([envoy, "-c", path, "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"], SERVICE_USER),
            pathlib.Path(folder, f"{namespace.name}-service.log"))

    def seconds(self):
        return sum(processor_seconds(each) for each in [self.process.child.pid])


class Sidecar:
    """A `kuma-dp` with an Envoy of one worker, as the user whose connections are not redirected."""

    def __init__(self, namespace, networking, control_plane, arguments, folder):
        name = namespace.name
        control_plane.put({
            "type": "Dataplane", "mesh": "default", "name": name, "networking": {"address": namespace.address, **networking}})
        self.namespace = namespace
        self.process = Process(
            namespace.inside(
                [arguments.kuma_dp, "run", "--name", name, "--mesh", "default", "--cp-address", f"https://{ControlPlane.address}:5678",
                 "--binary-path", arguments.envoy, "--concurrency", "1", "--admin-port", 9901, "--drain-time", "1s",
                 "--envoy-log-level", "error", "--log-level", "warning"], PROXY_USER),
            pathlib.Path(folder, f"{name}-kuma-dp.log"), TMPDIR=str(pathlib.Path(folder, "proxies")))
        wait_for(f"the proxy {name}", self.find_envoy, seconds=60)

    def find_envoy(self):
        self.process.check()
        self.envoy = envoy_below(self.process.child.pid)
        return self.envoy is not None

    def seconds(self):
        return processor_seconds(self.envoy)


class Pair:
    """A client and a service with a proxy each."""

    def __init__(self, name, number, control_plane, arguments, folder):
        self.name, self.arguments = name, arguments
        self.client, self.server = Namespace(f"{name}-client", number), Namespace(f"{name}-service", number + 1)
        redirected = name == "redirected"
        # Without redirection the proxy has the port of the service, which takes another one.
        service_port = SERVICE_PORT if redirected else 8081
        tags = {"kuma.io/service": name, "kuma.io/protocol": "http"}
        inbound = {"port": SERVICE_PORT, "tags": tags} | ({} if redirected else {"servicePort": service_port})
        outbound = {"address": VIRTUAL if redirected else "127.0.0.1", "port": 80 if redirected else 10080, "tags": {"kuma.io/service": name}}
        own = {"inbound": [{"port": 10009, "servicePort": 10009, "tags": {"kuma.io/service": f"{name}-client", "kuma.io/protocol": "tcp"}}]}
        capture = {"transparentProxying": {"redirectPortInbound": 15006, "redirectPortOutbound": 15001}} if redirected else {}
        if redirected:
            for namespace in (self.client, self.server):
                command(*namespace.inside([arguments.kumactl, "install", "transparent-proxy", "--kuma-dp-uid", PROXY_USER]))
        self.service = Service(self.server, service_port, arguments.envoy, folder)
        self.proxies = [
            Sidecar(self.server, {"inbound": [inbound], **capture}, control_plane, arguments, folder),
            Sidecar(self.client, {**own, "outbound": [outbound], **capture}, control_plane, arguments, folder)]
        self.url = f"http://{outbound['address']}:{outbound['port']}/"
        wait_for(f"an answer through the proxies of {name}", self.answers)

    def answers(self):
        done = subprocess.run(
            self.client.inside(["curl", "-sS", "-m", "2", "-o", "/dev/null", "-w", "%{http_code} %header{x-envoy-upstream-service-time}",
                                self.url], SERVICE_USER), capture_output=True, text=True)
        return done.stdout.startswith("200")

    def requests(self):
        """How many requests each of the two proxies has counted."""
        counts = []
        for proxy in self.proxies:
            text = command(*proxy.namespace.inside(["curl", "-sS", "http://127.0.0.1:9901/stats?filter=downstream_rq_2xx"], PROXY_USER))
            # Envoy's own administration counts, too, under another name.
            counts.append(sum(int(value) for name, value in re.findall(r"^http\.(\S+): (\d+)$", text, re.M) if not name.startswith("admin.")))
        return counts

    def measure(self, seconds, keeps_connections):
        """Sends requests for some seconds; returns what one of them cost."""
        words = [self.arguments.wrk, "-t1", f"-c{self.arguments.connections}", f"-d{seconds}s", "--latency"]
        if not keeps_connections:
            words += ["-H", "Connection: close"]
        before = [proxy.seconds() for proxy in self.proxies], self.service.seconds(), os.times(), self.requests()
        output = command(*self.client.inside([*words, self.url], SERVICE_USER))
        after = [proxy.seconds() for proxy in self.proxies], self.service.seconds(), os.times(), self.requests()
        if "Non-2xx" in output or "Socket errors" in output:
            raise Failure(f"not every request of {self.name} was answered:\n{output}")
        requests = int(re.search(r"(\d+) requests in", output)[1])
        for begin, end in zip(before[3], after[3]):
            # Requests that are under way when the time is over are counted by the proxies only.
            if not requests <= end - begin <= requests + self.arguments.connections + 1:
                raise Failure(f"{self.name}: of {requests} requests a proxy has counted {end - begin}")
        proxies = sum(end - begin for begin, end in zip(before[0], after[0]))
        clients = sum(getattr(after[2], each) - getattr(before[2], each) for each in ("children_user", "children_system"))
        service = after[1] - before[1]
        return {
            "proxies": proxies / requests, "all": (proxies + service + clients) / requests,
            "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        }


def find_programs(arguments):
    """Fills in the programs that were not given."""
    builds = ["Benchmarks/.build/release", ".build/release", ".build/debug"]
    for name, folders in {"kuma_cp": builds[:2], "kuma_dp": builds, "kumactl": builds[1:], "envoy": [".venv/bin"]}.items():
        if getattr(arguments, name):
            continue
        program = name.replace("_", "-")
        found = [path for folder in folders if (path := PROJECT / folder / program).exists()]
        if not found:
            raise Failure(f"{program} is missing; `make release` and `Scripts/setup` bring it")
        setattr(arguments, name, str(found[0]))
    # The wheel's `envoy` is a script; users without rights need the program.
    envoy = pathlib.Path(arguments.envoy)
    if envoy.read_bytes()[:2] == b"#!":
        arguments.envoy = str(next(envoy.parent.parent.glob("lib/python3*/site-packages/envoy/_bin/envoy"), envoy))
    arguments.wrk = arguments.wrk or shutil.which("wrk")
    for program in ("wrk", "ip", "iptables", "setpriv", "curl"):
        if not (arguments.wrk if program == "wrk" else shutil.which(program)):
            raise Failure(f"{program} is missing; `Scripts/setup` installs it")


def copy_programs(arguments, folder):
    """Puts programs where a user without rights can run them."""
    for name in ("kuma_dp", "envoy"):
        copy = pathlib.Path(folder, name)
        shutil.copyfile(os.path.realpath(getattr(arguments, name)), copy)
        copy.chmod(0o755)
        setattr(arguments, name, str(copy))


def run(arguments, folder, open_ones):
    command("ip", "link", "set", "lo", "up")
    command("ip", "link", "add", "pods", "type", "bridge")
    command("ip", "addr", "add", f"{ControlPlane.address}/24", "dev", "pods")
    command("ip", "link", "set", "pods", "up")
    copy_programs(arguments, folder)
    control_plane = ControlPlane(arguments.kuma_cp, folder)
    open_ones.append(control_plane.process)
    control_plane.put({"type": "Mesh", "name": "default"})
    pairs = []
    for index, name in enumerate(PAIRS):
        pair = Pair(name, 10 * (index + 1), control_plane, arguments, folder)
        open_ones.extend([pair.service.process, *(proxy.process for proxy in pair.proxies)])
        pairs.append(pair)
    rounds = {"kept": [], "new": []}
    for kind, results in rounds.items():
        for number in range(arguments.rounds + 1):
            order = random.Random(number).sample(pairs, len(pairs))
            # The first one warms up.
            figures = {pair.name: pair.measure(arguments.seconds if number else 1, kind == "kept") for pair in order}
            if number:
                results.append(figures)
                say(f"{kind}, round {number} of {arguments.rounds}: " + ", ".join(
                    f"{figure} {figures['redirected'][figure] / figures['explicit'][figure]:.3f}" for figure in ("proxies", "all", "rate")))
    return {"rounds": rounds, "seconds": arguments.seconds, "connections": arguments.connections}


def text(results):
    lines = []
    for kind, rounds in results["rounds"].items():
        for figure, what in {"proxies": "CPU of both proxies", "all": "CPU of proxies, client and service", "rate": "requests/s"}.items():
            ratios = [each["redirected"][figure] / each["explicit"][figure] for each in rounds]
            low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
            value = statistics.median(each["redirected"][figure] for each in rounds)
            shown = f"{value:,.0f}" if figure == "rate" else f"{value * 1e6:.1f} us"
            connections = "connections stay open" if kind == "kept" else "a connection per request"
            lines.append(f"{connections:26}{what:36}{shown:>12}   redirected / explicit {middle:.3f} ({low:.3f}-{high:.3f})")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json")
    for program in ("kuma-cp", "kuma-dp", "kumactl", "envoy", "wrk"):
        parser.add_argument(f"--{program}")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise Failure("network namespaces need the rights of root; run it as root")
    if os.environ.get("REDIRECTION_NAMESPACE") != "1":
        # Namespaces, links and mounts end with the process that is started here.
        words = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                 "mount -t tmpfs tmpfs /run && exec \"$@\"", "sh", sys.executable, *sys.argv]
        os.execvpe("unshare", words, os.environ | {"REDIRECTION_NAMESPACE": "1"})
    find_programs(arguments)
    open_ones = []
    with tempfile.TemporaryDirectory(prefix="redirection-") as folder:
        os.chmod(folder, 0o755)
        proxies = pathlib.Path(folder, "proxies")
        proxies.mkdir()
        os.chown(proxies, PROXY_USER, PROXY_USER)
        try:
            results = run(arguments, folder, open_ones)
        finally:
            for process in reversed(open_ones):
                process.signal()
            for process in reversed(open_ones):
                process.wait()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results))
    print(text(results))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"cost.py: {failure}")
