"""The HTTP API of a control plane, as cases use it."""

import http.client
import json
import re
import time
from urllib.parse import quote, urlsplit

# Policies of other features that a control plane may give to a new mesh: deleted, so that no answer holds them. A server that
# does not know them answers 404.
INITIAL_POLICIES = [
    ("meshtimeouts", "mesh-timeout-all-"), ("meshtimeouts", "mesh-gateways-timeout-all-"),
    ("meshretries", "mesh-retry-all-"), ("meshcircuitbreakers", "mesh-circuit-breaker-all-"),
]


class API:
    """One connection that is kept."""

    def __init__(self, address):
        self.address = address.rstrip("/")
        self.connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)

    def send(self, method, path, headers=None, data=None):
        """Status, media type and body of the answer."""
        for is_last in (False, True):  # The server may have closed the connection while it was idle.
            try:
                self.connection.request(method, path, body=data, headers=headers or {})
                answer = self.connection.getresponse()
                return answer.status, answer.headers.get("Content-Type"), answer.read()
            except (http.client.HTTPException, ConnectionError):
                self.connection.close()
                if is_last:
                    raise

    def items(self, path):
        """The items of a list, or none where there is no such list."""
        status, _, data = self.send("GET", path)
        return (json.loads(data).get("items") or []) if status == 200 else []

    def reset(self):
        """Deletes all Dataplanes and meshes."""
        for dataplane in self.items("/dataplanes?size=1000"):
            self.send("DELETE", f"/meshes/{quote(dataplane['mesh'])}/dataplanes/{quote(dataplane['name'])}")
        for mesh in self.items("/meshes?size=1000"):
            self.send("DELETE", f"/meshes/{quote(mesh['name'])}")

    def step(self, step):
        """Sends the request of a step; its answer."""
        time.sleep(step.get("pause", 0))
        headers, data = dict(step.get("headers") or {}), None
        if "raw" in step:
            data = step["raw"].encode()
        elif "body" in step:
            data = json.dumps(step["body"], ensure_ascii=False).encode()
        if data is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        headers = {name: value for name, value in headers.items() if value is not None}
        answer = self.send(step["method"], step["path"], headers, data)
        mesh = re.fullmatch(r"/meshes/([^/?]+)", step["path"])
        if step["method"] == "PUT" and mesh and answer[0] == 201:
            for plural, prefix in INITIAL_POLICIES:
                self.send("DELETE", f"/meshes/{mesh[1]}/{plural}/{prefix}{mesh[1]}")
        return answer
