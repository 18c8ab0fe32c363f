#!/usr/bin/env bash
# OpenTelemetry's gRPC exporter for Python sends again what a collector will never take, and does not see when to try again.
#
# Version: opentelemetry-exporter-otlp-proto-grpc 1.45.2 with grpcio 1.85.3.
# Expected: OTLP (https://opentelemetry.io/docs/specs/otlp, "Failures") takes RESOURCE_EXHAUSTED for final unless the status has a
#   RetryInfo: servers of gRPC answer so to a message that is too large. Where there is one, the exporter waits as long as it says.
#   The details of a status are in the trailer grpc-status-details-bin, where libraries of gRPC put and look for them.
# Seen: it tries four times in about seven seconds, with pauses of about 1, 2 and 4 seconds; the thread that exports waits. A RetryInfo in
#   the details changes nothing. It is read from the trailer google.rpc.retryinfo-bin alone, which OTLP does not have. The variable
#   OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES, with the other codes, leaves one try. On a busy machine the fourth may come too
#   late, so three are accepted too.
#
# Needs python3 with venv and a package index. It takes ten seconds, and the time to install.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-grpc==1.45.2 grpcio==1.85.3 grpcio-status==1.85.3
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata, logging, os, sys, threading, time
from concurrent import futures

logging.disable(logging.CRITICAL)
import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

for name in ("opentelemetry-exporter-otlp-proto-grpc", "grpcio"):
    print(name, importlib.metadata.version(name))
WAIT = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=6))
CODES = "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES"


class Full(trace_service_pb2_grpc.TraceServiceServicer):
    """Refuses every call, and notes when it came. The RetryInfo is in the trailer that is named, if any."""

    def __init__(self, trailer):
        self.trailer, self.moments = trailer, []

    def Export(self, request, context):
        self.moments.append(time.monotonic())
        if self.trailer == "grpc-status-details-bin":
            detail = Any()
            detail.Pack(WAIT)
            status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="full", details=[detail])
            context.abort_with_status(rpc_status.to_status(status))
        if self.trailer:
            context.set_trailing_metadata(((self.trailer, WAIT.SerializeToString()),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")


def serve(trailer):
    full = Full(trailer)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(full, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return full, server, f"127.0.0.1:{port}"


def send(trailer, result):
    """Ends one span, which is exported at once, and gives the seconds at which it was tried."""
    full, server, address = serve(trailer)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=address, insecure=True)))
    provider.get_tracer("finding").start_span("span").end()
    provider.shutdown()
    server.stop(None)
    result.extend(round(moment - full.moments[0], 1) for moment in full.moments)


# What gRPC's own reader of a status finds in the details, for comparison.
full, server, address = serve("grpc-status-details-bin")
with grpc.insecure_channel(address) as channel:
    try:
        trace_service_pb2_grpc.TraceServiceStub(channel).Export(trace_service_pb2.ExportTraceServiceRequest(), timeout=5)
    except grpc.RpcError as error:
        found = error_details_pb2.RetryInfo()
        assert rpc_status.from_call(error).details[0].Unpack(found)
server.stop(None)
print(f"a client with grpcio-status reads from grpc-status-details-bin: try again in {found.retry_delay.seconds} s")

os.environ.pop(CODES, None)
tried = {None: [], "grpc-status-details-bin": [], "google.rpc.retryinfo-bin": []}
threads = [threading.Thread(target=send, args=case) for case in tried.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os.environ[CODES] = "CANCELLED,DEADLINE_EXCEEDED,ABORTED,OUT_OF_RANGE,UNAVAILABLE,DATA_LOSS"
once = []
send(None, once)

for trailer, moments in tried.items():
    print(f"RESOURCE_EXHAUSTED, {f'6 s in {trailer}' if trailer else 'no RetryInfo'}: tried after {moments} s")
print(f"RESOURCE_EXHAUSTED, not in {CODES}: tried after {once} s")


def pauses(moments):
    return [after - before for before, after in zip(moments, moments[1:])]


def own(moments):
    """Whether the pauses are the exporter's own. On a busy machine they are longer, and the fourth try comes too late."""
    return len(moments) in (3, 4) and pauses(moments)[0] < 5


nothing, details, other = tried.values()
told = len(other) > 1 and all(pause >= 5.9 for pause in pauses(other))
sys.exit(0 if found == WAIT and own(nothing) and own(details) and told and len(once) == 1 else "the behaviour has changed")
PYTHON
