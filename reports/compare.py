"""Compare two reports case by case: two releases for a maintainer, or two builds for a vendor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from reports.model import Outcome, Report

_KEPT = {Outcome.PASSED, Outcome.FIXED}
_BROKEN = {Outcome.FAILED, Outcome.KNOWN_FAILURE}


class Change(StrEnum):
    """How a case changed. A case that was not judged (not run, error, unsupported) counts as absent."""

    BROKE = "broke"
    FIXED = "fixed"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True)
class CaseName:
    """The name of a case in both reports. It does not include the server."""

    rule: str
    store: str
    test: str
    case: str
    route: str


@dataclass(frozen=True)
class Difference:
    """One case whose result changed. `old` or `new` is None if that report does not have the case."""

    change: Change
    case: CaseName
    old: Outcome | None
    new: Outcome | None


def compare(old: Report, new: Report) -> list[Difference]:
    """Return the differences: first what broke, then fixed, new and gone; each by rule and store.

    A listed known failure counts as a failure, so adding a failing case to the list is no difference.
    """
    before, after = _outcomes(old), _outcomes(new)
    found = []
    for case in before.keys() | after.keys():
        was, now = before.get(case), after.get(case)
        change = _change(was, now)
        if change:
            found.append(Difference(change, case, was, now))
    order = list(Change)
    return sorted(
        found, key=lambda d: (order.index(d.change), d.case.rule, d.case.store, d.case.test, d.case.case, d.case.route)
    )


def render(old: Report, new: Report, differences: list[Difference]) -> Iterator[str]:
    """Yield the comparison as lines of text."""
    yield f"{_title(old)} -> {_title(new)}"
    for name, report in (("OLD", old), ("NEW", new)):
        if not report.footer.complete:
            yield f"{name} was cut off after {len(report.results)} results"
    if old.spec.digest != new.spec.digest:
        yield f"The rules differ too: spec {old.spec.version} -> {new.spec.version}"
    was = {profile.name: profile.verdict for profile in old.profiles}
    now = {profile.name: profile.verdict for profile in new.profiles}
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield f"  {name}: {was.get(name, 'no verdict')} -> {now.get(name, 'no verdict')}"
    for change, group in groupby(differences, key=lambda difference: difference.change):
        of_change = list(group)
        yield from ("", f"{change.upper()}: {len(of_change)}")
        for rule_id, of_rule in groupby(of_change, key=lambda difference: difference.case.rule):
            yield f"  {rule_id}  {new.rule(rule_id).title or old.rule(rule_id).title}"
            yield from (_line(difference) for difference in of_rule)
    if not differences:
        yield "No case changed."


def _outcomes(report: Report) -> dict[CaseName, Outcome]:
    """Map each case to its outcome; of several servers for the same store, the most urgent outcome counts."""
    found: dict[CaseName, Outcome] = {}
    order = list(Outcome)
    for result in report.results:
        case = CaseName(result.rule, result.store, result.test, result.case, result.route)
        found[case] = min(result.outcome, found.get(case, result.outcome), key=order.index)
    return found


def _change(was: Outcome | None, now: Outcome | None) -> Change | None:
    before, after = _judgement(was), _judgement(now)
    if before == after:
        return None
    if before is None:
        return Change.NEW
    if after is None:
        return Change.GONE
    return Change.FIXED if after else Change.BROKE


def _judgement(outcome: Outcome | None) -> bool | None:
    """Return whether the initializer kept the rule; None if the case was not judged."""
    return True if outcome in _KEPT else False if outcome in _BROKEN else None


def _title(report: Report) -> str:
    return f"{report.initializer.name} {report.initializer.version}".strip()


def _line(difference: Difference) -> str:
    case = difference.case
    name = f"{case.test}[{case.case}]" if case.case else case.test
    return f"    {case.store or 'any store'}  {name}: {difference.old or 'absent'} -> {difference.new or 'absent'}"
