#!/usr/bin/env python3
"""Replays recorded cases against a control plane, or records them anew.

  replay.py check  KIND --api URL [--only PATTERN] [--kumactl FILE] [--ads HOST:PORT] [--exact] [FOLDER]
  replay.py record KIND --api URL [--only PATTERN] [--kumactl FILE] [--ads HOST:PORT] --out FOLDER [FOLDER]

KIND is http, matching, cli (which needs --kumactl) or envoy (which needs --ads). FOLDER holds the cases; by default it is
the one of that name beside this program. README.md describes the cases and what is not compared.

EVERY CASE BEGINS BY DELETING ALL DATAPLANES AND MESHES of the control plane at --api. Never name one that is in use.

A recorded case is also a scenario: `record` replaces the answers in it. Needs PyYAML; envoy also needs grpcio and xds-protos.
"""

import argparse
import fnmatch
import json
import pathlib
import sys

import yaml

import cli_cases
import comparison
import http_cases
import matching_cases
from api import API

KINDS = ["http", "matching", "cli", "envoy"]


class Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and repeats what stands twice."""

    def ignore_aliases(self, data):
        return True


Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def read_case(file):
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)


def write_case(file, case):
    if file.suffix == ".json":
        text = json.dumps(case, indent=1, ensure_ascii=False) + "\n"
    else:
        text = yaml.dump(case, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    file.write_text(text, encoding="utf-8")


def cases_of(kind, options):
    """What runs the cases of a kind: `run`, `store` and `differences`."""
    if kind == "http":
        return http_cases
    if kind == "matching":
        return matching_cases
    if kind == "cli":
        if options.kumactl is None:
            raise SystemExit("replay.py: cli needs --kumactl")
        return cli_cases.Cases(options.kumactl)
    if options.ads is None:
        raise SystemExit("replay.py: envoy needs --ads")
    import envoy_cases  # Only here: the other kinds do without grpcio.

    return envoy_cases.Cases(options.ads, options.settle)


def check(kind, api, files, is_exact):
    """Replays the cases and prints a line for each, with the differences below; how many differ."""
    failed = 0
    for file in files:
        case = read_case(file)
        try:
            differences = kind.differences(case, kind.run(api, case), comparison.Comparison(is_exact))
        except Exception as error:  # A server that breaks must not end the run: the next case tells whether it is back.
            differences = [f"  {type(error).__name__}: {error}"]
        failed += bool(differences)
        print("\n".join([f"{'differs' if differences else 'identical':<10} {file.stem}", *differences]))
    print(f"{len(files) - failed} passed, {failed} failed")
    return failed


def record(kind, api, files, out):
    """Runs the scenarios and writes them with their answers."""
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        case = read_case(file)
        kind.store(case, kind.run(api, case))
        write_case(out / file.name, case)
    api.reset()
    print(f"{len(files)} recorded")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["check", "record"])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--api", required=True, help="the address of the HTTP API, http://HOST:PORT")
    parser.add_argument("--only", default="*", help="the names of cases, as a pattern")
    parser.add_argument("--exact", action="store_true", help="compare what run-time libraries say, too")
    parser.add_argument("--kumactl", type=pathlib.Path, help="the program that runs the command lines")
    parser.add_argument("--ads", help="the address of the data plane server, HOST:PORT, with TLS")
    parser.add_argument("--settle", type=float, default=1.6, help="seconds between a change and the look at it (envoy)")
    parser.add_argument("--out", type=pathlib.Path, help="where recorded cases go")
    options = parser.parse_args()
    kind = cases_of(options.kind, options)
    folder = options.folder or pathlib.Path(__file__).resolve().parent / options.kind
    files = sorted(
        file for file in folder.iterdir()
        if file.suffix in (".yaml", ".json") and fnmatch.fnmatch(file.stem, options.only))
    if not files:
        raise SystemExit(f"replay.py: no case in {folder} is named {options.only}")
    api = API(options.api)
    if options.command == "check":
        sys.exit(1 if check(kind, api, files, options.exact) else 0)
    if options.out is None:
        raise SystemExit("replay.py: record needs --out")
    record(kind, api, files, options.out)


if __name__ == "__main__":
    main()
