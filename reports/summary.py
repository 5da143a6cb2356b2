"""The summary at the end of a run in the terminal: verdicts, what needs attention, and what did not run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from reports import explored, features
from reports.attention import UNISOLATED, points, scope, where
from reports.grouping import groups, headline
from reports.measurement import Measurement
from reports.metrics import Metrics
from reports.model import Outcome, Report, Result
from reports.overview import Overview, overview
from reports.redact import printable
from reports.table import table_lines
from reports.terminal import HEADING, paint, wrapped

#: Number of lines shown of a failure's message; the report has all of them.
MESSAGE_LINES = 12

_WARNING = "1;33"
_CALM = "1;32"


def summary(report: Report, *, path: Path, colour: bool, width: int, alarms: Sequence[str] = ()) -> list[str]:
    """Yield the lines, at most `width` columns wide except for commands and paths. `path` is the path of the report.

    alarms  sentences to show with the points that need attention; the report itself cannot contain them.
    """
    lines = [*_failures(report, colour, width)]
    lines += _listed(report, Outcome.FIXED, "FIXED: remove these from the list of known failures", colour, width)
    lines += _listed(report, Outcome.ERROR, "ERRORS of the suite or a server", colour, width)
    lines += _listed(report, Outcome.NOT_RUN, "NOT RUN", colour, width)
    lines += _measured(report, colour, width)
    lines += explored.lines(report, colour, width)
    lines += features.lines(report, colour, width)
    table = overview(report)
    lines += ["", *_title(report, colour, width), *table_lines(table, colour, width), ""]
    lines += [*_attention(table, report, alarms, colour, width), *_known(report, width), *_cost(report, width)]
    lines.append(f"Report: {path}")
    first = next(number for number, line in enumerate(lines) if line)
    return [printable(line) if not colour else line for line in lines[first:]]


def _title(report: Report, colour: bool, width: int) -> Iterator[str]:
    who = report.initializer
    name = f"{who.name} {who.version}".strip()
    text = f"{name} by spec {report.spec.version} and the rules of KServe {report.kserve}"
    yield from wrapped(text, width, style=HEADING if colour else "")


def _attention(table: Overview, report: Report, alarms: Sequence[str], colour: bool, width: int) -> Iterator[str]:
    said = points(report, table)
    for point in said if not alarms else [point for point in said if point.outcome is not Outcome.PASSED]:
        style = _CALM if point.outcome is Outcome.PASSED else _WARNING
        yield from wrapped(f"{point.lead.upper()}: {point.text}", width, hang=2, style=style if colour else "")
    for alarm in alarms:
        yield from wrapped(alarm, width, hang=2, style=_WARNING if colour else "")
    if whole := scope(report):
        yield from wrapped(whole, width, hang=2)
    if report.initializer.isolation == "none":
        yield from wrapped(f"Isolation: none. {UNISOLATED}", width, hang=2)


def _failures(report: Report, colour: bool, width: int) -> Iterator[str]:
    failed = [result for result in report.results if result.outcome is Outcome.FAILED]
    if failed:
        yield from ("", paint(f"UNEXPECTED FAILURES: {len(failed)}", "1;31", colour))
    for rule_id, group in groupby(failed, key=lambda result: result.rule):
        first, *others = group
        rule = report.rule(rule_id)
        yield from wrapped(
            f"{rule_id}  {rule.title} ({rule.level})", width, "  ", len(rule_id) + 2, HEADING if colour else ""
        )
        yield from wrapped(f"{_place(first)}: {first.name}", width, "    ")
        yield from _message(first, width)
        if first.reproduce:
            yield f"      reproduce: {first.reproduce}"
        if others:
            yield from wrapped(f"also on {_places(others)}", width, "    ")


def _message(result: Result, width: int) -> Iterator[str]:
    lines = printable(result.message).strip("\n").expandtabs().splitlines() or ["no message"]
    for line in lines[:MESSAGE_LINES]:
        yield "      " + (line if len(line) <= width - 6 else line[: width - 9] + "...")
    if len(lines) > MESSAGE_LINES:
        yield f"      ... {len(lines) - MESSAGE_LINES} more lines in the report"


def _listed(report: Report, outcome: Outcome, heading: str, colour: bool, width: int) -> Iterator[str]:
    """Yield the results of one outcome, grouped by cause."""
    found = groups(report.results, outcome, lambda result: result.reason or headline(result))
    if not found:
        return
    total = sum(len(group.results) for group in found)
    yield from ("", paint(f"{heading}: {total}", HEADING, colour))
    for group in found:
        yield from wrapped(f"{len(group.results):>4}  {group.cause} ({where(group.results)})", width, "  ", 6)


def _measured(report: Report, colour: bool, width: int) -> Iterator[str]:
    """Yield one line for each store: rates next to those of the reference clients, and peak memory."""
    by_store: dict[str, list[str]] = {}
    for result in report.results:
        for one in result.measurements:
            told = _told(one, report.rule(result.rule).title)
            if told and told not in by_store.setdefault(result.store, []):
                by_store[result.store].append(told)
    if by_store:
        yield from (
            "",
            paint("MEASURED (reference client in brackets; rates are over throttled links)", HEADING, colour),
        )
    for store, lines in by_store.items():
        if lines:
            yield from wrapped(f"{store}: {'; '.join(lines)}", width, "  ", len(store) + 2)


def _told(one: Measurement, title: str) -> str:
    if one.moved_bytes:
        what = title.partition(" take")[0].lower()
        return f"{what} {one.mib_per_s(one.samples):.2g} MiB/s [{one.mib_per_s(one.reference):.2g}]"
    if one.name == "peak memory":
        return f"peak memory {median(one.samples):.0f} MiB [{median(one.reference):.0f}]"
    return ""


def _known(report: Report, width: int) -> list[str]:
    known = [result for result in report.results if result.outcome is Outcome.KNOWN_FAILURE]
    rules = ", ".join(sorted({result.rule for result in known}))
    return [textwrap.shorten(f"Known failures: {len(known)}, all listed ({rules})", width)] if known else []


def _cost(report: Report, width: int) -> Iterator[str]:
    """Yield the run's time, and if the report has CPU seconds, how close it came to the lowest possible time."""
    cost = report.metrics
    workers = f"{cost.workers} worker{'s' if cost.workers != 1 else ''}"
    calls = f"{cost.calls} calls of the initializer"
    yield from wrapped(f"Time: {cost.wall_s:.0f} s with {workers} ({cost.setup_s:.0f} s setup), {calls}", width, hang=2)
    if cost.cpu_s:
        yield from wrapped(
            f"CPU: {cost.cpu_s:.0f} s on {cost.cores} core{'s' if cost.cores != 1 else ''}, {cost.utilisation:.0%}"
            f" utilisation; bound {cost.bound_s:.0f} s (longest case {cost.longest_case_s:.0f} s);"
            f" setup {cost.setup_cpu_s:.0f} s, initializer {cost.initializer_cpu_s:.0f} s,"
            f" reference clients {cost.reference_cpu_s:.0f} s, servers {cost.servers_cpu_s:.0f} s,"
            f" harness {cost.harness_cpu_s:.0f} s{_share(cost)}",
            width,
            hang=2,
        )


def _share(cost: Metrics) -> str:
    of_the_initializer = cost.harness_cpu_s / cost.initializer_cpu_s if cost.initializer_cpu_s else 0.0
    return f" ({of_the_initializer:.0%} of it)" if of_the_initializer else ""


def _place(result: Result) -> str:
    return f"{result.store or 'any store'} ({result.server})" if result.server else result.store or "any store"


def _places(results: Iterable[Result]) -> str:
    """List the stores with the number of cases on each."""
    by_store = groupby(results, key=lambda result: result.store or "any store")
    counted = [(store, len(list(group))) for store, group in by_store]
    return ", ".join(f"{store} ({count} cases)" if count > 1 else store for store, count in counted)
