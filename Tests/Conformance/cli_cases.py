"""Command lines of kumactl and what they print."""

import json
import pathlib
import re
import subprocess
import tempfile
import time

import yaml

from comparison import TIME, without_optional

# How long a command may take, in seconds.
COMMAND_LIMIT = 90


class Cases:
    """Cases that a certain program runs."""

    def __init__(self, kumactl):
        self.kumactl = kumactl.absolute()

    def run(self, api, case):
        """Status, standard output and standard error of each command, all of them in one empty home folder."""
        api.reset()
        for step in case.get("setup", []):
            api.step(step)
        with tempfile.TemporaryDirectory() as home:
            for name, text in case.get("files", {}).items():
                pathlib.Path(home, name).write_text(text.replace("<base>", api.address), encoding="utf-8")
            if not case.get("no_config"):
                self.call(api, home, ["config", "control-planes", "add", "--name", "cp", "--address", api.address])
            results = []
            for run in case["runs"]:
                time.sleep(run.get("pause", 0))
                done = self.call(api, home, run["argv"], run.get("stdin"))
                results.append({
                    "exit": done.returncode,
                    "stdout": layout(cleaned(done.stdout, api, home, run), run),
                    "stderr": cleaned(done.stderr, api, home, run),
                })
            return results

    def call(self, api, home, arguments, stdin=None):
        arguments = [argument.replace("<base>", api.address).replace("<dir>", home) for argument in arguments]
        return subprocess.run(
            [self.kumactl, *arguments], input=stdin or "", text=True, capture_output=True, cwd=home, timeout=COMMAND_LIMIT,
            env={"HOME": home, "PATH": "/usr/bin:/bin", "TZ": "UTC"}, check=False)

    def store(self, case, results):
        for run, result in zip(case["runs"], results):
            run.update(result)

    def differences(self, case, results, comparison):
        found = []
        for run, actual in zip(case["runs"], results):
            for part in ("exit", "stdout", "stderr"):
                expected, got = run[part], actual[part]
                if part == "stderr":
                    got = without_warnings(expected, got)
                elif part == "stdout":
                    expected, got = as_data(run, expected, got)
                found += comparison.differences(f"kumactl {' '.join(run['argv'])}: {part}", expected, got)
        return found


def cleaned(text, api, home, run):
    """What a command printed, without what differs from run to run; the patterns of the case come first."""
    for pattern, replacement in run.get("normalise", []):
        text = re.sub(pattern, replacement, text, flags=re.M)
    text = TIME.sub("<time>", text.replace(api.address, "<base>").replace(home, "<dir>"))
    if run.get("versions"):
        text = re.sub(r"\b\d+\.\d+\.\d+(-[\w.]+)?(?=$|\s|\")", "<version>", text, flags=re.M)
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    return re.sub(r"(?<=\s)\d+[smh]$", "<age>", text, flags=re.M)


def layout(text, run):
    """The first lines alone where the case asks for that; a manifest without comments and layout."""
    if run.get("first_lines") is not None:
        text = "\n".join(text.splitlines()[:run["first_lines"]])
    if run.get("yaml"):
        text = yaml.safe_dump_all([document for document in yaml.safe_load_all(text) if document], width=200)
    return text


def without_warnings(expected, actual):
    """Standard error without the warnings that Kuma does not give; more of them are welcome."""
    return "".join(
        line for line in actual.splitlines(keepends=True) if not line.startswith("Warning: ") or line in expected)


def as_data(run, expected, actual):
    """Both outputs as data where the command asks for JSON or YAML: order does not count, nor optional keys."""
    for form, parse in (("json", json.loads), ("yaml", lambda text: list(yaml.safe_load_all(text)))):
        if run.get(form) or any(argument.endswith(form) for argument in run["argv"]):
            expected, actual = parsed(parse, expected), parsed(parse, actual)
            return expected, without_optional(expected, actual)
    return expected, actual


def parsed(parse, text):
    try:
        return parse(text)
    except (ValueError, yaml.YAMLError):
        return text
