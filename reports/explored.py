"""The findings of `--explore` for the terminal: a section of its own, which no verdict counts."""

from __future__ import annotations

from collections.abc import Iterator

from reports.exploration import Exploration, Finding
from reports.model import Report
from reports.redact import printable
from reports.terminal import HEADING, paint, wrapped

#: Number of lines shown of a finding's problem; the report has all of them.
_PROBLEM_LINES = 6


def headline(report: Report) -> str:
    """Return the total: cases, findings and seed."""
    cases = sum(one.cases for one in report.explored)
    findings = sum(len(one.findings) for one in report.explored)
    seeds = ", ".join(sorted({str(one.seed) for one in report.explored}))
    return f"explored: {_count(cases, 'case')}, {_count(findings, 'finding')}, seed {seeds}; no verdict counts them"


def lines(report: Report, colour: bool, width: int) -> Iterator[str]:
    """Yield the section; nothing if the run did not explore."""
    if not report.explored:
        return
    yield from ("", paint(printable(headline(report)).capitalize(), HEADING, colour))
    for one in report.explored:
        for finding in one.findings:
            yield from _finding(one, finding, width)
        if one.reason:
            yield from wrapped(f"{title(one)}, {_count(one.cases, 'case')}: {one.reason}", width, "  ", 2)


def title(one: Exploration) -> str:
    """Return the property and the store."""
    return f"{one.name} on {one.store or 'any store'}"


def rule_of(finding: Finding) -> str:
    """Return the rule of a finding, and its case."""
    return f"{finding.rule} {finding.feature}".strip()


def _finding(one: Exploration, finding: Finding, width: int) -> Iterator[str]:
    once = "" if finding.repeated else ", only once"
    yield from wrapped(f"{rule_of(finding)}: {title(one)}{once}", width, "  ")
    yield from wrapped(finding.example, width, "    ", 2)
    told = printable(finding.problem).splitlines()
    for line in told[:_PROBLEM_LINES]:
        yield "    " + (line if len(line) <= width - 4 else line[: width - 7] + "...")
    if len(told) > _PROBLEM_LINES:
        yield f"    ... {len(told) - _PROBLEM_LINES} more lines in the report"
    yield f"    repeat: {finding.reproduce}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
