#!/bin/sh
# OpenTelemetry for Python takes B3 headers without x-b3-sampled for "do not sample", and says so to whom it calls next.
#
# B3 leaves the decision open when the header is missing (https://github.com/openzipkin/b3-propagation, "Defer"). A
# service that copies trace id and span id and forgets the third header thus switches off the rest of the trace, proxies
# included, as soon as it calls a service with OpenTelemetry.
#
# Version: opentelemetry-sdk and opentelemetry-propagator-b3 1.45.1, py-zipkin 1.2.8.
# Expected: the called service decides anew, as py_zipkin does.
# Seen: OpenTelemetry does not record the span, and sends "x-b3-sampled: 0" on. With "x-b3-sampled: 1" it records and sends 1.
#
# Needs python3 with venv and a package index. Fails when the behaviour is another one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opentelemetry-sdk==1.45.1 opentelemetry-propagator-b3==1.45.1 py-zipkin==1.2.8
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata, os, sys

os.environ["OTEL_PROPAGATORS"] = "b3multi"
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from py_zipkin.request_helpers import extract_zipkin_attrs_from_headers

for name in ("opentelemetry-sdk", "opentelemetry-propagator-b3", "py-zipkin"):
    print(name, importlib.metadata.version(name))
trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("finding")
ids = {"X-B3-TraceId": "463ac35c9f6413ad", "X-B3-SpanId": "a2fb4a1d1a96d312"}


def called(headers):
    """What a service with OpenTelemetry sends on for a request with these headers."""
    context = propagate.extract({name.lower(): value for name, value in headers.items()})
    out = {}
    with tracer.start_as_current_span("server", context=context, kind=trace.SpanKind.SERVER) as span:
        propagate.inject(out)
        return span.is_recording(), out.get("x-b3-sampled")


open_, yes = called(ids), called({**ids, "X-B3-Sampled": "1"})
print("without x-b3-sampled: recording %s, sends x-b3-sampled: %s" % open_)
print("with x-b3-sampled: 1: recording %s, sends x-b3-sampled: %s" % yes)
other = extract_zipkin_attrs_from_headers(ids, sample_rate=100.0).is_sampled
print("py_zipkin without x-b3-sampled, at 100 %%: sampled %s" % other)
sys.exit(0 if (open_, yes, other) == ((False, "0"), (True, "1"), True) else "the behaviour has changed")
EOF
