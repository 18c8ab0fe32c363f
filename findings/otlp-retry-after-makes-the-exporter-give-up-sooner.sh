#!/bin/sh
# OpenTelemetry's OTLP exporter for Python gives up sooner when a busy collector asks it to try again in one second.
#
# Version: opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2.
# Expected: the spans of a collector that says when to try again are tried for at least as long as those of one that says nothing.
# Seen: with a Retry-After of 1 the six tries of the exporter are over after five seconds. Without the field, its growing pauses (1, 2,
#   4 seconds) still make a try after about seven. A collector that is well behaved loses the spans of an outage of six seconds, one that
#   says nothing keeps them.
#
# Needs python3 with venv and a package index. Fails when the behaviour is another one. It takes 20 seconds.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
"$folder/venv/bin/python" - <<'PYTHON'
import http.server, importlib.metadata, logging, sys, threading, time

logging.disable(logging.CRITICAL)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

for name in ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"):
    print(name, importlib.metadata.version(name))


def tries(retry_after):
    """The seconds at which one span is tried by an exporter that is always refused with 503."""
    moments = []

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            moments.append(time.monotonic())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503)
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    provider = TracerProvider()
    provider.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter("http://127.0.0.1:%d/v1/traces" % server.server_address[1])))
    provider.get_tracer("finding").start_span("span").end()
    server.shutdown()
    return [round(moment - moments[0], 1) for moment in moments]


without, one = tries(None), tries("1")
print("503:                 tried after %s s" % without)
print("503, Retry-After: 1: tried after %s s" % one)
sys.exit(0 if len(one) == 6 and one[-1] < 5.5 < without[-1] and len(without) < 6 else "the behaviour has changed")
PYTHON
