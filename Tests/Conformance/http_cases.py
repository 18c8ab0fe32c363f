"""Requests and the answers to them."""

import json
import re

from comparison import OPTIONAL, TIME, without_optional

# What differs from server to server on the index page.
INDEX_KEYS = {"instanceId", "clusterId", "hostname", "version"}


def run(api, case):
    """The answers to the steps of a case, in the form in which they are recorded."""
    api.reset()
    answers = [observe(api, step) for step in case["steps"]]
    placeholder = time_placeholder(answers, case.get("rank_times"))
    return [with_placeholders(answer, placeholder) for answer in answers]


def observe(api, step):
    status, media_type, data = api.step(step)
    answer = {"status": status, "content-type": media_type.lower() if media_type else None}
    text = data.decode("utf-8", "replace").replace(api.address, "<base>")
    if media_type and "json" in media_type:
        try:
            answer["body"] = picked(json.loads(text), step.get("pick"))
        except ValueError:
            answer["body"] = text
    elif text:
        answer["body"] = text
    return answer


def picked(body, pick):
    """A body in which a list holds the items alone whose key has a certain value."""
    if pick and isinstance(body, dict) and isinstance(body.get(pick["list"]), list):
        body[pick["list"]] = [item for item in body[pick["list"]] if item.get(pick["key"]) == pick["value"]]
    return body


def time_placeholder(answers, are_ranked):
    """What stands for a time: `<time>`, or `<time 1>` for the first of all in the case, and so on."""
    if not are_ranked:
        return lambda time: "<time>"

    def position(time):
        seconds, _, fraction = time.removesuffix("Z").partition(".")
        return seconds, fraction.ljust(9, "0")

    times = sorted({match[0] for match in TIME.finditer(json.dumps(answers))}, key=position)
    return lambda time: f"<time {times.index(time) + 1}>"


def with_placeholders(value, placeholder):
    if isinstance(value, dict):
        is_index = "tagline" in value
        return {
            key: f"<{key}>" if is_index and key in INDEX_KEYS else with_placeholders(item, placeholder)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_placeholders(item, placeholder) for item in value]
    return TIME.sub(lambda match: placeholder(match[0]), value) if isinstance(value, str) else value


def store(case, answers):
    for step, answer in zip(case["steps"], answers):
        step["response"] = answer


def differences(case, answers, comparison):
    found = []
    for number, (step, actual) in enumerate(zip(case["steps"], answers), 1):
        expected = step["response"]
        if has_optional_alone(expected, actual):
            actual = {"status": actual["status"], "content-type": expected["content-type"]}
        title = f"step {number} {step['method']} {step['path']}"
        found += comparison.differences(title, expected, without_optional(expected, actual))
    return found


def has_optional_alone(expected, actual):
    """Whether no body is recorded and the actual one has optional keys alone, such as warnings."""
    body = actual.get("body")
    return "body" not in expected and isinstance(body, dict) and set(body) <= OPTIONAL
