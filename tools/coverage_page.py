"""Generate docs/coverage.md: every field report with the rules that cover it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from conformance.spec import Rule, Spec
from tools import links
from tools.field_reports import FieldReport, FieldReports, PagesError

State = Literal["covered", "in part", "later"]


@dataclass(frozen=True)
class Coverage:
    """Which rules cover each field report."""

    spec: Spec
    reports: FieldReports

    @cached_property
    def covering(self) -> Mapping[str, Sequence[Rule]]:
        """Map each field report to the rules that reference it. Raises PagesError if rules and reports disagree."""
        rules: dict[str, list[Rule]] = {report.id: [] for report in self.reports}
        for rule in self.spec:
            for reference in rule.references:
                if re.fullmatch(r"#\d+", reference):
                    continue
                if reference not in rules:
                    raise PagesError(f"{rule.id} refers to {reference}: neither a field report nor an issue (#123)")
                rules[reference].append(rule)
        for report in self.reports:
            _consistent(report, rules[report.id])
        return rules

    def state(self, report: FieldReport) -> State:
        """Return whether rules cover the report, cover it in part, or will cover it in a later part of the suite."""
        if not self.covering[report.id]:
            return "later"
        return "in part" if report.later else "covered"

    def page(self) -> Iterator[str]:
        """Yield the lines of the page. Raises PagesError if rules and field reports contradict each other."""
        covering = self.covering
        states = Counter(self.state(report) for report in self.reports)
        later = Counter(report.later for report in self.reports if report.later)
        yield from ("# Coverage of field reports", "")
        yield "A field report is a problem that users of storage initializers had. The source is public trackers."
        yield f"Of {states.total()} reports, the rules of spec {self.spec.version} cover **{states['covered']}**"
        yield f"and **{states['in part']}** in part; **{states['later']}** wait for a later part of the suite."
        yield from ("", "| later part | reports | of these in part covered today |", "|---|---:|---:|")
        for part, title in self.reports.parts.items():
            partly = sum(1 for r in self.reports if r.later == part and self.state(r) == "in part")
            yield f"| {part}: {links.cell(title)} | {later[part]} | {partly} |"
        for title, reports in self.reports.groups.items():
            yield from ("", f"## {title}", "", "| report | problem or promise | issue | rules | later |")
            yield "|---|---|---|---|---|"
            yield from (_row(report, covering[report.id]) for report in reports)
        yield ""


def _row(report: FieldReport, rules: Sequence[Rule]) -> str:
    covered = ", ".join(links.rule(rule.id) for rule in rules)
    rest = ": ".join(filter(None, [report.later, report.rest]))
    issue = links.issue(report.issue) if report.issue else ""
    cells = (f'<a id="{report.id.lower()}"></a>{report.id}', links.cell(report.says), issue, covered, rest)
    return f"| {' | '.join(cells)} |"


def _consistent(report: FieldReport, rules: Sequence[Rule]) -> None:
    if not rules and not report.later:
        raise PagesError(f"{report.id}: no rule refers to it; add it to a rule's references or say `later`")
    if not rules and report.rest and report.later != "outside":
        raise PagesError(f"{report.id}: has a `rest`, but no rule refers to it")
    if rules and report.later and not report.rest:
        names = ", ".join(rule.id for rule in rules)
        raise PagesError(f"{report.id}: covered by {names}: remove `later`, or say in `rest` what is left")
