#!/usr/bin/env python3
"""A discovery server with grpc.aio that decides nothing: the baseline of the benchmark "fleet".

It answers the first request of each type with the bytes of a file, and on SIGUSR1 it sends the listeners once more, with a
new version, to every stream. Messages are encoded once for all.

  grpc-aio-server.py PORT CERTIFICATE KEY FOLDER

The folder holds encoded DiscoveryResponses: clusters, endpoints, listeners. A line of output says that it listens.
"""

import asyncio
import pathlib
import signal
import sys

import grpc
from envoy.service.discovery.v3 import discovery_pb2

METHOD = "StreamAggregatedResources"
KINDS = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "clusters",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": "endpoints",
    "type.googleapis.com/envoy.config.listener.v3.Listener": "listeners",
}


class Server:
    def __init__(self, folder):
        self.messages = {
            kind: discovery_pb2.DiscoveryResponse.FromString((folder / kind).read_bytes()) for kind in KINDS.values()
        }
        self.encoded = {}
        for kind in self.messages:
            self.encode(kind, 0)
        self.streams = set()
        self.revision = 0

    def encode(self, kind, revision):
        message = self.messages[kind]
        message.version_info = f"{kind}-{revision}"
        message.nonce = f"{kind}-{revision}"
        self.encoded[kind] = message.SerializeToString()

    def push(self):
        self.revision += 1
        self.encode("listeners", self.revision)
        for stream in self.streams:
            stream.put_nowait("listeners")

    async def serve(self, requests, context):
        outgoing = asyncio.Queue()
        self.streams.add(outgoing)

        async def read():
            known = set()
            async for data in requests:
                kind = KINDS.get(discovery_pb2.DiscoveryRequest.FromString(data).type_url)
                if kind and kind not in known:
                    known.add(kind)
                    outgoing.put_nowait(kind)
            outgoing.put_nowait(None)

        reader = asyncio.ensure_future(read())
        try:
            while (kind := await outgoing.get()) is not None:
                yield self.encoded[kind]
        finally:
            self.streams.discard(outgoing)
            reader.cancel()


async def main():
    port, certificate, key, folder = sys.argv[1:]
    server = Server(pathlib.Path(folder))
    rpc = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.stream_stream_rpc_method_handler(server.serve)
    service = "envoy.service.discovery.v3.AggregatedDiscoveryService"
    rpc.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {METHOD: handler})])
    pair = (pathlib.Path(key).read_bytes(), pathlib.Path(certificate).read_bytes())
    rpc.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair]))
    await rpc.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.push)
    print("listening", flush=True)
    await rpc.wait_for_termination()


asyncio.run(main())
