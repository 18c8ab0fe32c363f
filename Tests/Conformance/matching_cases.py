"""Which TrafficTrace wins for each Dataplane, while policies come, change and go."""

import json
import time


def run(api, case):
    """Who wins and who is matched after each phase."""
    api.reset()
    mesh = case["mesh"]
    put(api, "", {"type": "Mesh", "name": mesh})
    for dataplane in case["dataplanes"]:
        put(api, f"{mesh}/dataplanes/", {"type": "Dataplane", "mesh": mesh, **dataplane})
    results = []
    for phase in case["phases"]:
        for operation in phase["do"]:
            time.sleep(case.get("pause", 0.004))  # So that no two policies were made at the same time.
            if "put" in operation:
                put(api, f"{mesh}/traffic-traces/", {"type": "TrafficTrace", "mesh": mesh, **operation["put"]})
            else:
                send(api, "DELETE", f"/meshes/{mesh}/traffic-traces/{operation['delete']}")
        results.append({"winners": winners(api, case), "affected": affected(api, mesh)})
    return results


def put(api, folder, resource):
    send(api, "PUT", f"/meshes/{folder}{resource['name']}", {"body": resource})


def send(api, method, path, rest=None):
    status, _, data = api.step({"method": method, "path": path, **(rest or {})})
    if status not in (200, 201):
        raise RuntimeError(f"{method} {path} is answered with {status}: {data}")


def winners(api, case):
    """The policy of each Dataplane, or None."""
    found = {}
    for dataplane in case["dataplanes"]:
        items = api.items(f"/meshes/{case['mesh']}/dataplanes/{dataplane['name']}/policies")
        names = [policy["name"] for item in items for policy in item.get("matchedPolicies", {}).get("TrafficTrace", [])]
        found[dataplane["name"]] = names[0] if len(names) == 1 else names or None
    return found


def affected(api, mesh):
    """The Dataplanes that each policy wins (`used`), and those that one of its selectors matches (`matched`)."""
    found = {}
    for policy in api.items(f"/meshes/{mesh}/traffic-traces?size=1000"):
        path = f"/meshes/{mesh}/traffic-traces/{policy['name']}"
        used = [item.get("dataplane") or item.get("gateway") or {} for item in api.items(f"{path}/dataplanes")]
        matched = api.items(f"{path}/_resources/dataplanes?size=1000")
        found[policy["name"]] = {"used": sorted_names(used), "matched": sorted_names(matched)}
    return found


def sorted_names(items):
    return sorted(item.get("name", "") for item in items)


def store(case, results):
    for phase, result in zip(case["phases"], results):
        phase.update(result)


def differences(case, results, comparison):
    found = []
    for number, (phase, actual) in enumerate(zip(case["phases"], results), 1):
        for part in ("winners", "affected"):
            found += comparison.differences(f"phase {number} {part}", phase[part], actual[part])
    return found
