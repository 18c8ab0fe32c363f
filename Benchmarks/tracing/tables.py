"""The figures of the benchmark as tables."""

import datetime
import os
import statistics

MARKS = ("<!-- measured: Benchmarks/tracing/cost.py --write -->", "<!-- end of what was measured -->")
HEADER = [
    "`apiVersion`", "sampling", "spans a report", "Envoy's CPU, untraced = 1", "Envoy's CPU, `httpJson` = 1",
    "requests/s, untraced = 1", "collector, µs a request", "Envoy + collector, `httpJson` = 1"]


def quartiles(values):
    """The 25, 50 and 75 % of some figures."""
    if len(values) < 2:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def ratio(values):
    low, middle, high = quartiles(values)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def ratios(results, name, figure, to):
    return [each[name][figure] / each[to][figure] for each in results["rounds"]]


def rows(results):
    """A row for each case, as text."""
    for case in results["cases"]:
        name, report = case["name"], results["reports"][case["name"]]
        is_traced = case["form"] != "none"
        yield [
            f"`{case['form']}`" if is_traced else "none" if name == "untraced" else "none, a second proxy",
            f"{case['sampling']:g} %" if is_traced else "",
            str(report[0]) + (" (set)" if case["size"] else "") if is_traced else "",
            ratio(ratios(results, name, "envoy", "untraced")),
            ratio(ratios(results, name, "envoy", "json")),
            ratio(ratios(results, name, "rate", "untraced")),
            f"{statistics.median(each[name]['collector'] for each in results['rounds']) * 1e6:.1f}" if is_traced else "",
            ratio(ratios(results, name, "both", "json")),
        ]


def found_rows(results):
    for name, times in results["found"].items():
        form = next(case["form"] for case in results["cases"] if case["name"] == name)
        low, middle, high = quartiles(times)
        yield [f"`{form}`", f"{results['reports'][name][1] / 1000:g} s", f"{middle:.2f} s", f"{low:.2f}–{high:.2f} s", f"{max(times):.2f} s"]


def conditions(results):
    """How it was measured, in a sentence."""
    untraced = [each["untraced"] for each in results["rounds"]]
    return (
        f"Envoy {results['envoy']} with one worker, {os.cpu_count()} processors that others share, {results['connections']} connections, "
        f"{len(results['rounds'])} rounds of {results['seconds']} s, {datetime.date.today():%B %Y}; untraced "
        f"{statistics.median(each['envoy'] for each in untraced) * 1e6:.0f} µs of processor time a request and "
        f"{statistics.median(each['rate'] for each in untraced):,.0f} requests/s; {results['spans']:,} spans sent and stored, none lost.")


def markdown(header, lines):
    row = lambda cells: "| " + " | ".join(cells) + " |"
    return "\n".join([row(header), "|---" * len(header) + "|", *map(row, lines)])


def aligned(header, lines):
    lines = [header, *lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


FOUND_HEADER = ["`apiVersion`", "interval", "median", "quartiles", "longest"]


def text(results):
    """Both tables for a terminal."""
    return "\n\n".join([
        aligned(HEADER, rows(results)), "From an answer to its span in a search, a request a second:\n" +
        aligned(FOUND_HEADER, found_rows(results)), conditions(results)])


def write(results, path):
    """Puts both tables into a document, between its marks."""
    before, rest = path.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    parts = [
        markdown(HEADER, rows(results)), conditions(results),
        "From the answer to a request until a search finds its span, one request a second:",
        markdown(FOUND_HEADER, found_rows(results))]
    path.write_text(before + MARKS[0] + "\n" + "\n\n".join(parts) + "\n" + MARKS[1] + after)
