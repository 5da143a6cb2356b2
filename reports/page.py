"""Render the report as one HTML page. It is self-contained, complete without its script, and has a print style."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import explored, features, revision
from reports.attention import UNISOLATED, points, scope
from reports.filters import NO_STORE, SCRIPT, filters, policy
from reports.grouping import alike, groups, headline, problem
from reports.measurement import spread
from reports.model import Outcome, Profile, Report, Result, Rule, Server, Verdict
from reports.overview import overview
from reports.plot import panels
from reports.redact import printable
from reports.verdict import members

#: The element in the head of each page by which the suite knows its own pages again.
MARK = '<meta name="generator" content="storage-initializer-conformance">'
#: Symbol of each outcome, shown with its colour.
SYMBOLS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.ERROR: "!",
    Outcome.FIXED: "★",
    Outcome.KNOWN_FAILURE: "△",
    Outcome.NOT_RUN: "○",
    Outcome.UNSUPPORTED: "⊘",
}
#: Symbol of each verdict, shown with its colour.
VERDICTS = {
    Verdict.CONFORMANT: "✓",
    Verdict.KNOWN_FAILURES: "△",
    Verdict.INCOMPLETE: "○",
    Verdict.NONCONFORMANT: "✗",
}
#: Outcomes whose rules are listed next to a profile's verdict.
TELLING = (Outcome.FAILED, Outcome.ERROR, Outcome.FIXED, Outcome.KNOWN_FAILURE)


@dataclass(frozen=True)
class Cell:
    """A rule on a store: its most urgent outcome, and how many of its cases passed, without unsupported ones."""

    outcome: Outcome
    text: str
    hover: str
    anchor: str


@dataclass(frozen=True)
class Findings:
    """A rule with some or all of its results."""

    rule: Rule
    results: Sequence[Result]


@dataclass(frozen=True)
class Row(Findings):
    """A rule with all of its results, and one cell for each store; a cell is None if the store has no case."""

    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Detail:
    """A profile with its servers, and its rules by outcome: the id of each rule and its anchor on the page."""

    profile: Profile
    servers: Sequence[Server]
    rules: Mapping[Outcome, Sequence[tuple[str, str]]]


def environment() -> Environment:
    """Return the settings of templates: every text is escaped and printable."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )


def page(report: Report, evidence_root: str = "") -> str:
    """Return the HTML text. `evidence_root` is the path from the page to the folder that holds `evidence/`."""
    stores = list(
        dict.fromkeys(result.store for result in sorted(report.results, key=lambda r: (not r.store, r.store)))
    )
    by_rule: dict[str, list[Result]] = {rule.id: [] for rule in report.rules}
    for result in report.results:
        by_rule.setdefault(result.rule, []).append(result)
    rows = [
        _row(report, rule_id, sorted(results, key=lambda result: result.store), stores)
        for rule_id, results in by_rule.items()
    ]
    number = {result.key: place for place, result in enumerate(result for row in rows for result in row.results)}

    def numbers(results: Iterable[Result]) -> str:
        """Return the places of results in the list of every result, for the filters."""
        return " ".join(str(number[result.key]) for result in results)

    failed = [result for row in rows for result in row.results if result.outcome is Outcome.FAILED]
    table = overview(report)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            suite=revision.named(report.suite),
            evidence_root=evidence_root,
            stores=[(store, report.servers_of(store)) for store in stores],
            areas=[(area, list(group)) for area, group in groupby(rows, key=lambda row: row.rule.area)],
            rows=rows,
            table=table,
            points=points(report, table),
            scope=scope(report),
            unisolated=UNISOLATED,
            details=[_detail(report, profile) for profile in report.profiles],
            missing={cell.profile: cell.gaps for cell in table.cells},
            failures=[Findings(report.rule(group.results[0].rule), group.results) for group in alike(failed)],
            causes=groups(failed, Outcome.FAILED, problem),
            errors=groups(report.results, Outcome.ERROR, headline),
            fixed=groups(report.results, Outcome.FIXED, lambda result: result.reason or result.rule),
            known=groups(report.results, Outcome.KNOWN_FAILURE, lambda result: result.reason or headline(result)),
            not_run=groups(report.results, Outcome.NOT_RUN, lambda result: result.reason or headline(result)),
            unsupported=groups(report.results, Outcome.UNSUPPORTED, lambda result: result.reason or headline(result)),
            totals=Counter(result.outcome for result in report.results),
            fidelity={(server.store, server.name): server.fidelity for server in report.environment.servers},
            symbols=SYMBOLS,
            verdicts=VERDICTS,
            outcomes=list(Outcome),
            headline=headline,
            explored_total=explored.headline(report),
            explored_title=explored.title,
            features=features.concerned(report),
            claim=features.claim,
            shown=features.shown,
            note=features.note,
            rule_of_finding=explored.rule_of,
            spread=spread,
            panels=panels(report),
            filters=filters(report),
            no_store=NO_STORE,
            numbers=numbers,
            mark=MARK,
            policy=policy(),
            script=SCRIPT,
        )
    )


def _row(report: Report, rule_id: str, results: Sequence[Result], stores: Sequence[str]) -> Row:
    cells = [_cell(rule_id, store, [result for result in results if result.store == store]) for store in stores]
    return Row(report.rule(rule_id), results, cells)


def _cell(rule_id: str, store: str, results: Sequence[Result]) -> Cell | None:
    if not results:
        return None
    count = Counter(result.outcome for result in results)
    outcome = next(outcome for outcome in Outcome if count[outcome])
    judged = len(results) - count[Outcome.UNSUPPORTED]
    kept = count[Outcome.PASSED] + count[Outcome.FIXED]
    hover = ", ".join(f"{count[o]} {o}" for o in Outcome if count[o])
    text = "" if judged <= 1 else str(judged) if kept == judged else f"{kept}/{judged}"
    return Cell(outcome, text, f"{rule_id} on {store or 'any store'}: {hover}", anchor(rule_id, store))


def anchor(rule_id: str, store: str) -> str:
    """Return the HTML id of the place that lists a rule's results on a store."""
    return f"{rule_id}.{store}" if store else rule_id


def _detail(report: Report, profile: Profile) -> Detail:
    results = members(report, profile.name)
    played = {(result.store, result.server) for result in results}
    servers = {s.name: s for s in report.environment.servers if (s.store, s.name) in played}
    rules = {
        outcome: sorted({(r.rule, anchor(r.rule, r.store)) for r in results if r.outcome is outcome})
        for outcome in TELLING
    }
    return Detail(profile, list(servers.values()), rules)
