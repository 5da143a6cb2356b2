"""The lines that close a run in the terminal: the verdicts, what needs an answer, and what did not run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from reports.junit import headline
from reports.measurement import Measurement
from reports.model import Outcome, Profile, Report, Result, Verdict
from reports.page import groups, servers_of
from reports.redact import printable
from reports.verdict import lost_to_selection

#: Lines of a failure's message that are shown; the report has them all.
MESSAGE_LINES = 12

_COLOURS = {
    Verdict.CONFORMANT: "1;32",
    Verdict.KNOWN_FAILURES: "1;33",
    Verdict.INCOMPLETE: "1;35",
    Verdict.NONCONFORMANT: "1;31",
}
_HEADING = "1"
_WARNING = "1;33"


def summary(report: Report, *, path: Path, colour: bool, width: int) -> list[str]:
    """The lines, none longer than `width` columns save for commands and paths; `path` is where the report lies."""
    lines = [*_verdicts(report, colour, width)]
    lines += [_paint(line, _WARNING, colour) for line in _partial(report, width)]
    lines += _failures(report, colour, width)
    lines += _listed(report, Outcome.FIXED, "FIXED: take these off the list of known failures", colour, width)
    lines += _listed(report, Outcome.ERROR, "ERRORS of the suite or a server", colour, width)
    lines += _listed(report, Outcome.NOT_RUN, "NOT RUN", colour, width)
    lines += _measured(report, colour, width)
    lines += ["", *_known(report, width), *_wrapped(_cost(report), width), f"Report: {path}"]
    return [printable(line) if not colour else line for line in lines]


def _verdicts(report: Report, colour: bool, width: int) -> Iterator[str]:
    who = report.initializer
    yield from _wrapped(
        f"{who.name} {who.version}".strip() + f" by spec {report.spec.version} and the rules of KServe {report.kserve}",
        width,
    )
    if not report.profiles:
        yield _paint("No profile has a result: nothing was judged.", _WARNING, colour)
    names = max((len(profile.name) for profile in report.profiles), default=0)
    words = max((len(_words(profile)) for profile in report.profiles), default=0)
    for profile in report.profiles:
        verdict = _words(profile).ljust(words)
        room = width - names - words - 6
        rest = _fitting(report, profile, room)
        first = f"  {profile.name:<{names}}  {_paint(verdict, _COLOURS[profile.verdict], colour)}"
        if len(rest) <= room:
            yield f"{first}  {rest}".rstrip()
        else:
            yield first.rstrip()
            yield from _wrapped(rest, width, " " * (names + 4))


def _words(profile: Profile) -> str:
    known = profile.counts[Outcome.KNOWN_FAILURE]
    if profile.verdict is Verdict.KNOWN_FAILURES:
        return f"CONFORMANT with {known} known failure{'s' if known != 1 else ''}"
    return profile.verdict.upper()


def _fitting(report: Report, profile: Profile, room: int) -> str:
    """The counts and who played; where there is little room, only how true the servers are."""
    said = {Outcome.KNOWN_FAILURE} if profile.verdict is Verdict.KNOWN_FAILURES else set()
    order = [Outcome.FAILED, Outcome.ERROR, Outcome.FIXED, Outcome.PASSED, *Outcome]
    counts = [f"{profile.counts[o]} {o}" for o in dict.fromkeys(order) if profile.counts[o] and o not in said]
    servers = servers_of(report, profile)
    where = _bracketed(f"{server.name}, {server.fidelity}" for server in servers)
    if len(", ".join(counts) + where) > room:
        where = _bracketed(server.fidelity for server in servers)
    return ", ".join(counts) + where


def _bracketed(words: Iterable[str]) -> str:
    once = "; ".join(dict.fromkeys(words))
    return f"  [{once}]" if once else ""


def _partial(report: Report, width: int) -> Iterator[str]:
    chosen = report.selection
    options = ["--smoke"] if chosen.smoke else []
    for option, values in (("--profile", chosen.profiles), ("--store", chosen.stores), ("--rule", chosen.rules)):
        options += [f"{option} {value}" for value in values]
    if not report.footer.complete:
        yield from _wrapped("CUT OFF: the run did not end; these are the results made until then.", width)
    if options or chosen.left_out:
        cause = "tests deselected" if report.footer.complete else "cut off"
        left = f", {len(chosen.left_out)} required rule and store pairs left out" if chosen.left_out else ""
        yield from _wrapped(f"PARTIAL RUN: {' '.join(options) or cause}{left}.", width)
    if lost_to_selection(report):
        yield from _wrapped("What was left out is not conformant; run without a selection for a verdict.", width)


def _failures(report: Report, colour: bool, width: int) -> Iterator[str]:
    failed = [result for result in report.results if result.outcome is Outcome.FAILED]
    if failed:
        yield from ("", _paint(f"UNEXPECTED FAILURES: {len(failed)}", "1;31", colour))
    for rule_id, group in groupby(failed, key=lambda result: result.rule):
        first, *others = group
        rule = report.rule(rule_id)
        yield from _wrapped(
            f"{rule_id}  {rule.title} ({rule.level})", width, "  ", len(rule_id) + 2, _HEADING if colour else ""
        )
        yield from _wrapped(f"{_place(first)}: {first.name}", width, "    ")
        yield from _message(first, width)
        if first.reproduce:
            yield f"      reproduce: {first.reproduce}"
        if others:
            yield from _wrapped(f"also on {_places(others)}", width, "    ")


def _message(result: Result, width: int) -> Iterator[str]:
    lines = printable(result.message).strip("\n").expandtabs().splitlines() or ["no message"]
    for line in lines[:MESSAGE_LINES]:
        yield "      " + (line if len(line) <= width - 6 else line[: width - 9] + "...")
    if len(lines) > MESSAGE_LINES:
        yield f"      ... {len(lines) - MESSAGE_LINES} more lines in the report"


def _listed(report: Report, outcome: Outcome, heading: str, colour: bool, width: int) -> Iterator[str]:
    """The results of one outcome, grouped by cause."""
    found = groups(report.results, outcome, lambda result: result.reason or headline(result))
    if not found:
        return
    total = sum(len(group.results) for group in found)
    yield from ("", _paint(f"{heading}: {total}", _HEADING, colour))
    for group in found:
        yield from _wrapped(f"{len(group.results):>4}  {group.cause} ({group.where})", width, "  ", 6)


def _measured(report: Report, colour: bool, width: int) -> Iterator[str]:
    """Rates beside those of the reference clients, and peak memory: a line for each store."""
    by_store: dict[str, list[str]] = {}
    for result in report.results:
        for one in result.measurements:
            told = _told(one, report.rule(result.rule).title)
            if told and told not in by_store.setdefault(result.store, []):
                by_store[result.store].append(told)
    if by_store:
        yield from (
            "",
            _paint("MEASURED (reference client in brackets; rates are those of bounded lines)", _HEADING, colour),
        )
    for store, lines in by_store.items():
        if lines:
            yield from _wrapped(f"{store}: {'; '.join(lines)}", width, "  ", len(store) + 2)


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


def _cost(report: Report) -> str:
    cost = report.metrics
    workers = f"{cost.workers} worker{'s' if cost.workers != 1 else ''}"
    return (
        f"Time: {cost.wall_s:.0f} s with {workers} ({cost.setup_s:.0f} s setup), {cost.calls} calls of the initializer,"
        f" {cost.efficiency:.0%} of the workers' time inside it"
    )


def _place(result: Result) -> str:
    return f"{result.store or 'any store'} ({result.server})" if result.server else result.store or "any store"


def _places(results: Iterable[Result]) -> str:
    """Stores with the number of cases on each."""
    by_store = groupby(results, key=lambda result: result.store or "any store")
    counted = [(store, len(list(group))) for store, group in by_store]
    return ", ".join(f"{store} ({count} cases)" if count > 1 else store for store, count in counted)


def _wrapped(text: str, width: int, indent: str = "", hang: int = 0, style: str = "") -> Sequence[str]:
    """`text` in lines of at most `width`, those after the first one `hang` columns further in."""
    lines = textwrap.wrap(
        printable(text), width, initial_indent=indent, subsequent_indent=indent + " " * hang, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [_paint(line, style, bool(style)) for line in lines]


def _paint(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if colour else text
