"""What a control plane sends to a proxy over ADS, as far as tracing is concerned."""

import concurrent.futures
import queue
import socket
import ssl
import threading
import time

import grpc
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.trace.v3 import datadog_pb2, zipkin_pb2  # noqa: F401  Imported so that what is packed can be printed.
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2  # noqa: F401
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2  # noqa: F401
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.protobuf import json_format

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
# A configuration is complete when both types have come and nothing has come for so many seconds.
QUIET = 1.6
# How long it may take to become complete, in seconds.
LIMIT = 20
CERTIFICATE_NAME = "localhost"


class Cases:
    """Cases that ask a certain data plane server."""

    def __init__(self, address, settle):
        self.address = address
        self.settle = settle

    def run(self, api, case):
        """After the steps of each phase, the configuration of each of its proxies."""
        api.reset()
        results = []
        for phase in case["phases"]:
            for step in phase["do"]:
                api.step(step)
            time.sleep(self.settle)
            with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(phase["nodes"]))) as pool:
                results.append(dict(zip(phase["nodes"], pool.map(self.configuration, phase["nodes"]))))
        return results

    def configuration(self, node):
        try:
            return summary(fetch(self.address, node))
        except (OSError, ValueError, RuntimeError, grpc.RpcError) as error:
            return {"error": str(error)}

    def store(self, case, results):
        for phase, result in zip(case["phases"], results):
            phase["nodes"] = result

    def differences(self, case, results, comparison):
        return [
            line for number, (phase, result) in enumerate(zip(case["phases"], results), 1)
            for node, expected in phase["nodes"].items()
            for line in comparison.differences(f"phase {number} node {node}", expected, result[node])
        ]


def connect(address):
    """A channel with TLS that trusts the certificate that the server shows."""
    host, port = address.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection((host, int(port)))) as connection:
        certificate = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True)).encode()
    return grpc.secure_channel(
        address, grpc.ssl_channel_credentials(certificate), [("grpc.ssl_target_name_override", CERTIFICATE_NAME)])


def subscription(node):
    """The first request of each type for a proxy, with its node."""
    for kind in (CLUSTER, LISTENER):
        request = discovery_pb2.DiscoveryRequest(type_url=kind)
        request.node.id = node
        request.node.cluster = node.partition(".")[2]
        request.node.metadata.update({
            "dataplane.proxyType": "dataplane",
            "version": {"kumaDp": {"version": "2.7.0"}, "envoy": {"version": "1.29.2", "kumaDpCompatible": True}},
        })
        yield request


def fetch(address, node):
    """The newest resources of each type, once they have been complete and quiet."""
    requests, responses = queue.SimpleQueue(), queue.SimpleQueue()
    for request in subscription(node):
        requests.put(request)
    with connect(address) as channel:
        stream = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).StreamAggregatedResources(iter(requests.get, None))

        def receive():
            try:
                for response in stream:
                    responses.put(response)
            except grpc.RpcError as error:
                responses.put(error)

        threading.Thread(target=receive, daemon=True).start()
        newest, end = {}, time.monotonic() + LIMIT
        try:
            while True:
                is_complete = len(newest) == 2
                try:
                    response = responses.get(timeout=QUIET if is_complete else max(0.1, end - time.monotonic()))
                except queue.Empty:
                    if is_complete:
                        return newest
                    raise RuntimeError(f"{node}: no complete configuration within {LIMIT} seconds") from None
                if isinstance(response, grpc.RpcError):
                    raise RuntimeError(f"{node}: {response.code()} {response.details()}")
                newest[response.type_url] = response.resources
                requests.put(discovery_pb2.DiscoveryRequest(
                    type_url=response.type_url, version_info=response.version_info, response_nonce=response.nonce))
        finally:
            requests.put(None)
            stream.cancel()


def unpacked(resource, message):
    resource.Unpack(message)
    return message


def summary(newest):
    """The parts of a configuration that matter for tracing, by name."""
    listeners = [unpacked(resource, listener_pb2.Listener()) for resource in newest[LISTENER]]
    clusters = [unpacked(resource, cluster_pb2.Cluster()) for resource in newest[CLUSTER]]
    return {
        "listeners": by_name(
            listener_summary(listener) for listener in listeners
            if listener.name.split(":")[0] in ("inbound", "outbound")),
        "clusters": by_name(
            cluster_summary(cluster) for cluster in clusters
            if not cluster.name.startswith(("kuma:", "access_log_sink", "ads_cluster"))),
    }


def by_name(items):
    return sorted(items, key=lambda item: item["name"])


def cluster_summary(cluster):
    if cluster.name.startswith("tracing:"):
        return json_format.MessageToDict(cluster)
    return {"name": cluster.name, "type": cluster_pb2.Cluster.DiscoveryType.Name(cluster.type)}


def listener_summary(listener):
    address = listener.address.socket_address
    direction = listener_pb2.Listener.DESCRIPTOR.fields_by_name["traffic_direction"].enum_type
    found = {
        "name": listener.name,
        "direction": direction.values_by_number[listener.traffic_direction].name,
        "address": f"{address.address}:{address.port_value}",
        "http": False,
    }
    for network_filter in (item for chain in listener.filter_chains for item in chain.filters):
        manager = http_connection_manager_pb2.HttpConnectionManager()
        if network_filter.typed_config.Unpack(manager):
            found["http"] = True
            if manager.HasField("tracing"):
                found["tracing"] = json_format.MessageToDict(manager.tracing)
            found["routeConfig"] = {
                "name": manager.route_config.name,
                "virtualHosts": [
                    {"name": host.name, "clusters": sorted({name for route in host.routes for name in route_clusters(route)})}
                    for host in manager.route_config.virtual_hosts
                ],
            }
    return found


def route_clusters(route):
    return [cluster.name for cluster in route.route.weighted_clusters.clusters] or [route.route.cluster]
