#!/usr/bin/env python3
"""Which answer to a request that cannot be stored loses the fewest spans of real exporters?

A server on loopback stands for a collector that cannot store for a while: it refuses with one of several answers, then
takes everything again. The exporters are the real ones with their defaults; each run is a process of its own. Printed is
how many of the spans that were made never arrived.

    python3 -m venv /tmp/exporters
    /tmp/exporters/bin/pip install opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2 \
        ddtrace==4.16.0 aiozipkin==1.1.1
    /tmp/exporters/bin/python Benchmarks/exporters/outage.py [--quick]

It takes about fifteen minutes, mostly of waiting. An exporter that is not installed is left out.
"""
import argparse
import collections
import concurrent.futures
import gzip
import http.server
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time

# The exporters, each a program that makes spans at a rate for some seconds. sys.argv: port, spans a second, seconds.
PROGRAMS = {
    "opentelemetry": (
        "opentelemetry.exporter.otlp.proto.http",
        """
import logging, sys, time
logging.disable(logging.CRITICAL)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"http://127.0.0.1:{sys.argv[1]}/v1/traces")))
tracer = provider.get_tracer("outage")
def span(): tracer.start_span("work").end()
def end(): provider.shutdown()
""",
        {},
    ),
    "ddtrace": (
        "ddtrace",
        """
import logging, sys, time
logging.disable(logging.CRITICAL)
from ddtrace.trace import tracer
def span(): tracer.start_span("work").finish()
def end(): tracer.shutdown()
""",
        {"OTEL_TRACES_EXPORTER": "otlp", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
         "DD_REMOTE_CONFIGURATION_ENABLED": "false", "DD_TRACE_STARTUP_LOGS": "false", "DD_SERVICE": "outage"},
    ),
    "aiozipkin": (
        "aiozipkin",
        """
import asyncio, logging, sys, time
logging.disable(logging.CRITICAL)
import aiozipkin
loop = asyncio.new_event_loop()
async def begin():
    endpoint = aiozipkin.create_endpoint("outage")
    return await aiozipkin.create(f"http://127.0.0.1:{sys.argv[1]}/api/v2/spans", endpoint, sample_rate=1.0)
tracer = loop.run_until_complete(begin())
def span():
    with tracer.new_trace(sampled=True) as one: one.name("work")
    loop.run_until_complete(asyncio.sleep(0))
def end(): loop.run_until_complete(tracer.close())
""",
        {},
    ),
}

# How each of them is driven.
DRIVER = """
rate, seconds = int(sys.argv[2]), float(sys.argv[3])
begin = time.monotonic()
made = 0
print("begun", flush=True)
while time.monotonic() - begin < seconds:
    while made < rate * (time.monotonic() - begin):
        span()
        made += 1
    if "loop" in globals(): loop.run_until_complete(asyncio.sleep(0.005))
    else: time.sleep(0.005)
end()
print(made)
"""

ANSWERS = [
    ("503", 503, None), ("503, Retry-After: 1", 503, 1), ("503, Retry-After: 2", 503, 2),
    ("503, Retry-After: 3", 503, 3), ("503, Retry-After: 5", 503, 5),
    # By how long nothing could be stored.
    ("503, 1 and then 2", 503, lambda age: 1 if age < 1 else 2),
    ("503, 1, 2 and then 3", 503, lambda age: 1 if age < 1 else 2 if age < 3 else 3),
    ("429", 429, None), ("408", 408, None), ("500", 500, None),
]


def spans_in(path, kind, body):
    if "json" in kind:
        content = json.loads(body)
        if isinstance(content, list):
            return len(content)
        return sum(len(scope.get("spans", [])) for resource in content.get("resourceSpans", [])
                   for scope in resource.get("scopeSpans", []))
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


class Collector(http.server.ThreadingHTTPServer):
    """Refuses between two moments; counts what it takes."""

    daemon_threads = True

    def __init__(self, status, retry_after):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.retry_after = status, retry_after
        # The outage begins with the first request after a moment, so that all answers are tried from the same position.
        self.ready, self.outage, self.refused_from = float("inf"), 0.0, None
        self.taken, self.tries, self.lock = 0, 0, threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(404, b"")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path not in ("/v1/traces", "/api/v2/spans"):
            return self.answer(404, b"")
        server, now = self.server, time.monotonic()
        with server.lock:
            if server.refused_from is None and now >= server.ready:
                server.refused_from = now
            refuses = server.refused_from is not None and now < server.refused_from + server.outage
            server.tries += refuses
        if refuses:
            wait = server.retry_after
            return self.answer(server.status, b"", wait(now - server.refused_from) if callable(wait) else wait)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        count = spans_in(self.path, self.headers.get("Content-Type", ""), body)
        with server.lock:
            server.taken += count
        self.answer(202 if self.path.startswith("/api") else 200, b"")

    def answer(self, status, body, retry_after=None):
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def run(exporter, status, retry_after, outage, rate):
    """How many spans were made and how many arrived."""
    module, program, environment = PROGRAMS[exporter]
    server = Collector(status, retry_after)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    environment = os.environ | environment | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces"}
    # A try after the outage must find its exporter still at work.
    process = subprocess.Popen(
        [sys.executable, "-c", program + DRIVER, str(port), str(rate), str(7 + outage + 13)], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    process.stdout.readline()
    server.ready, server.outage = time.monotonic() + 2, outage
    made = int(process.stdout.readline() or 0)
    process.wait()
    server.shutdown()
    server.server_close()
    return made, server.taken, server.tries


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="OpenTelemetry's exporter alone, fewer outages")
    parser.add_argument("--processes", type=int, default=12, help="how many exporters run at a time")
    parser.add_argument("--answer", action="append", help="only this one; may be given again")
    parser.add_argument("--exporter", action="append", choices=PROGRAMS, help="only this one; may be given again")
    arguments = parser.parse_args()
    names = arguments.exporter or (["opentelemetry"] if arguments.quick else list(PROGRAMS))
    names = [name for name in names if importlib.util.find_spec(PROGRAMS[name][0].split(".")[0])]
    outages = [0.5, 5.5] if arguments.quick else [0.5, 2, 4, 5.5, 7, 8.5]
    # The others look neither at the answer's fields nor at the time.
    rates = {name: [50, 500, 1500] if name == "opentelemetry" and not arguments.quick else [50] for name in names}
    answers = [answer for answer in ANSWERS if not arguments.answer or answer[0] in arguments.answer]
    jobs = collections.OrderedDict()
    with concurrent.futures.ThreadPoolExecutor(arguments.processes) as pool:
        for name in names:
            for rate in rates[name]:
                for text, status, retry_after in answers:
                    for outage in outages:
                        jobs[name, rate, text, outage] = pool.submit(run, name, status, retry_after, outage, rate)
        for name in names:
            for rate in rates[name]:
                print(f"\n{name}, {rate} spans a second: spans lost (requests refused), by the outage's length in seconds")
                print(f"{'answer':22}" + "".join(f"{outage:>16}" for outage in outages) + f"{'all':>10}")
                for text, _, _ in answers:
                    cells, lost = "", 0
                    for outage in outages:
                        made, taken, tries = jobs[name, rate, text, outage].result()
                        lost += made - taken
                        cells += f"{made - taken:>10} ({tries:>3})"
                    print(f"{text:22}{cells}{lost:>10}", flush=True)


if __name__ == "__main__":
    main()
