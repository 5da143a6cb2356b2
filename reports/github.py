"""Reports for GitHub Actions: annotations, a job summary in Markdown, and outputs of the step.

The formats: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from reports import revision
from reports.attention import points
from reports.badge import message
from reports.grouping import Group, alike, groups, headline
from reports.model import Outcome, Report, Verdict
from reports.overview import overview
from reports.redact import printable

#: GitHub shows this many errors of a step.
SHOWN = 10
#: GitHub refuses a summary of more than 1 MiB, so it shows this many failures, each cut to this length.
ROWS, LONGEST = 200, 400


def worst(reports: Sequence[Report]) -> Verdict:
    """Return the worst verdict of all profiles of the reports; `incomplete` without any profile."""
    found = {message(report)[0] for report in reports}
    return next((verdict for verdict in Verdict if verdict in found), Verdict.INCOMPLETE)


def annotated(reports: Sequence[Report]) -> list[str]:
    """Return a workflow command for each cause of a failed run, and the last one with the number of those left out."""
    found = [line for report in reports for line in _errors(report, many=len(reports) > 1)]
    if len(found) > SHOWN:
        more = len(found) - SHOWN + 1
        found[SHOWN - 1 :] = [command("error", "More problems", f"{more} more; the summary of the job has all of them")]
    return found


def command(kind: str, title: str, text: str) -> str:
    """Return a workflow command on one line. No text can end it, or begin another one."""
    name = _escaped(title, ":,")
    return f"::{kind} title={name}::{_escaped(text)}"


def outputs(reports: Sequence[Report], paths: Sequence[Path]) -> str:
    """Return the lines of the step's outputs: `verdict`, and `report` with the path of each report on its own line."""
    end = "END_OF_PATHS"
    return "\n".join([f"verdict={worst(reports)}", f"report<<{end}", *map(str, paths), end, ""])


def markdown(report: Report) -> str:
    """Return the summary of a report: verdicts, what needs attention, and the failures with their problems."""
    table = overview(report)
    who = report.initializer
    name = f"{who.name} {who.version}".strip()
    lines = [f"### Conformance of {_cell(name)}: {worst([report])}", ""]
    lines += [f"By spec {_cell(report.spec.version)} and the rules of KServe {_cell(report.kserve)}."]
    lines += [f"Made by {_cell(revision.named(report.suite))}.", ""]
    lines += ["| profile | verdict | passed | failed | known failures | not run |", "|---|---|--:|--:|--:|--:|"]
    for profile in report.profiles:
        counted = (Outcome.PASSED, Outcome.FAILED, Outcome.KNOWN_FAILURE, Outcome.NOT_RUN)
        counts = " | ".join(str(profile.counts.get(outcome, 0)) for outcome in counted)
        lines.append(f"| {_cell(profile.name)} | {profile.verdict} | {counts} |")
    lines += ["", *(f"- **{point.lead}**: {_cell(point.text)}" for point in points(report, table)), ""]
    failed = alike(result for result in report.results if result.outcome is Outcome.FAILED)
    if failed:
        lines += ["| rule | stores | problem |", "|---|---|---|"]
        lines += [_row(report, group) for group in failed[:ROWS]]
        lines += [f"\n{len(failed) - ROWS} more are in the report." if len(failed) > ROWS else "", ""]
    return "\n".join(lines)


def _row(report: Report, group: Group) -> str:
    (rule,) = group.rules
    stores = ", ".join(group.stores) or "any store"
    return f"| {_cell(f'{rule} {report.rule(rule).title}')} | {_cell(stores)} | {_cell(group.cause)} |"


def _errors(report: Report, *, many: bool) -> Iterator[str]:
    """Yield the errors of a report. With `many` reports, each names its release of KServe."""
    of = f" (KServe {report.kserve})" if many else ""
    if not report.footer.complete:
        yield command("error", f"Cut off{of}", "the run did not finish; see the log of the job")
    for group in alike(result for result in report.results if result.outcome is Outcome.FAILED):
        (rule,) = group.rules
        where = f" on {', '.join(group.stores)}" if group.stores else ""
        yield command("error", f"{rule}{where}{of}", f"{report.rule(rule).title}: {group.cause}")
    for outcome, title in (
        (Outcome.ERROR, "The suite or a server failed"),
        (Outcome.FIXED, "A known failure passed"),
    ):
        for group in groups(report.results, outcome, headline):
            yield command("error", f"{title}{of}", f"{', '.join(group.rules)}: {group.cause}")
    if report.stale:
        text = f"no case matches {', '.join(report.stale)}; remove them from the list"
        yield command("error", f"Stale known failures{of}", text)


def _escaped(text: str, more: str = "") -> str:
    """Encode a text as @actions/core does, on one line."""
    line = " ".join(printable(text).split())[:LONGEST]
    return "".join(f"%{ord(letter):02X}" if letter in f"%{more}" else letter for letter in line)


def _cell(text: str) -> str:
    """Return a text that Markdown shows as it is: one line, every mark as an HTML entity."""
    line = " ".join(printable(text).split())[:LONGEST]
    return re.sub(r"[^\w\s.,;/=%'-]", lambda mark: f"&#{ord(mark[0])};", line).replace("_", "&#95;")
