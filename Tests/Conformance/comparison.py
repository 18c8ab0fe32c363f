"""How a recorded answer and an actual one are compared, and what is left out."""

import difflib
import json
import re

TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# Keys that an answer may have and the recorded one has not.
OPTIONAL = {"labels", "warnings", "instance"}
# What the run-time library says that Kuma is written with.
LIBRARY = re.compile(
    r'(invalid \w+ object: |invalid meta type: )".*"'
    r'|(could not parse config: |dial tcp |strconv\.|yaml: |time: invalid |parse \\?"|unsupported protocol ).*')
# How many lines of a difference are shown.
LINE_LIMIT = 40


class Comparison:
    """Compares as texts or as data; without `is_exact` the words of run-time libraries count as equal."""

    def __init__(self, is_exact=False):
        self.is_exact = is_exact

    def differences(self, title, expected, actual):
        """The lines that say what differs, below the title; none where nothing does."""
        if not self.is_exact:
            expected, actual = without_library(expected), without_library(actual)
        if expected == actual:
            return []
        lines = list(difflib.unified_diff(lines_of(expected), lines_of(actual), lineterm="", n=1))[2:]
        shown = [f"    {line}" for line in lines[:LINE_LIMIT]]
        return [f"  {title}", *shown, *(["    ..."] if len(lines) > LINE_LIMIT else [])]


def lines_of(value):
    if isinstance(value, str):
        return value.splitlines()
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def without_library(value):
    if isinstance(value, dict):
        return {key: without_library(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_library(item) for item in value]
    if isinstance(value, str):
        return LIBRARY.sub(lambda match: (match[1] or match[2]) + "...", value)
    return value


def without_optional(expected, actual):
    """The actual value without the optional keys that the expected one does not have."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {
            key: without_optional(expected.get(key), item)
            for key, item in actual.items() if key in expected or key not in OPTIONAL
        }
    if isinstance(expected, list) and isinstance(actual, list):
        return [without_optional(*pair) for pair in zip(expected, actual)] + actual[len(expected):]
    return actual
