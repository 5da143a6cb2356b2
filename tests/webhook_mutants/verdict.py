"""Derive verdicts from results: which rule noticed which mutant on the release of this run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import pytest

from conformance.harness.controller import CONTROLLER
from conformance.harness.outcome import PROPERTY as RESULT
from conformance.spec import Spec
from reports.model import Outcome, Result, from_json
from tests.mutants.verdict import why
from tests.webhook_mutants.plugin import PROPERTY as MUTANT
from tests.webhook_mutants.registry import Mutant, needs_mutant

#: A case on any mutant: rule, test and case. The store is not needed: a rule of these profiles has one at most.
Case = tuple[str, str, str]


@dataclass(frozen=True)
class Seen:
    """The result of a case, on a mutant or ("") unaltered."""

    mutant: str
    result: Result

    @property
    def case(self) -> Case:
        return self.result.rule, self.result.test, self.result.case


class Collector:
    """A pytest plugin of the controlling process that collects the result of every case."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Case], Seen] = {}

    @property
    def seen(self) -> list[Seen]:
        return list(self._seen.values())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result of a phase, if it has one. A later error during cleanup replaces the result of the test."""
        if one := _seen(report):
            self._seen[one.mutant, one.case] = one

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Suppress the summary, which would mix altered and unaltered results. Everything has stopped by now."""
        if CONTROLLER in session.config.stash:
            del session.config.stash[CONTROLLER]

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show a noticed mutant as `noticed`, not as a failure."""
        one = _seen(report)
        noticed = one is not None and one.mutant and one.result.outcome is Outcome.FAILED
        return ("noticed", "n", "NOTICED") if noticed else None


def _seen(report: pytest.TestReport) -> Seen | None:
    """Return the result in a phase's report; None if the phase has none."""
    told = dict(report.user_properties)
    sent = told.get(RESULT)
    if not isinstance(sent, dict):
        return None
    return Seen(str(told.get(MUTANT, "")), from_json(Result, sent["result"]))


class What(StrEnum):
    """What a mutant showed about a rule."""

    NOTICED = "noticed"
    BROKEN = "broken"
    SURVIVED = "survived"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Verdict:
    """What a mutant showed about a rule on one release.

    NOTICED: a case failed that passes unaltered. BROKEN: the release itself fails the cases, which proves the same.
    `why` gives the reason for any verdict other than NOTICED.
    """

    rule: str
    mutant: str
    what: What
    why: str = ""


def judge(mutants: Iterable[Mutant], seen: Collection[Seen], spec: Spec, release: str) -> Iterator[Verdict]:
    """Yield a verdict for each mutant and each of its rules that is in force."""
    unaltered = {one.case: one.result for one in seen if not one.mutant}
    for mutant in mutants:
        for rule in mutant.rules:
            if spec[rule].in_force(release):
                altered = [one for one in seen if one.mutant == mutant.name and one.result.rule == rule]
                yield Verdict(rule, mutant.name, *_shown(altered, unaltered))


def _shown(altered: Collection[Seen], unaltered: dict[Case, Result]) -> tuple[What, str]:
    before = [unaltered[one.case] for one in altered if one.case in unaltered]
    meant = [one for one in altered if one.case in unaltered and unaltered[one.case].outcome is Outcome.PASSED]
    if any(one.result.outcome is Outcome.FAILED for one in meant):
        return What.NOTICED, ""
    if meant:
        return What.SURVIVED, _said(one.result for one in meant)
    if broken := [result for result in before if result.outcome is Outcome.FAILED]:
        return What.BROKEN, why(broken[0])
    return What.NOT_SHOWN, _said(before) or "no case of it ran"


def _said(results: Iterable[Result]) -> str:
    found = list(results)
    counts = Counter(str(result.outcome) for result in found)
    reasons = dict.fromkeys(result.reason for result in found if result.reason)
    return "; ".join(filter(None, [", ".join(f"{count} {outcome}" for outcome, count in counts.items()), *reasons]))


def faults(verdicts: Collection[Verdict]) -> list[str]:
    """Return the reasons why a run is no proof, one line each: survivors, and pairs that it could not show."""
    return [
        f"{one.rule} on {one.mutant}: {one.what}: {one.why}"
        for one in verdicts
        if one.what in {What.SURVIVED, What.NOT_SHOWN}
    ]


def unlisted(verdicts: Iterable[Verdict], listed: Collection[str]) -> list[str]:
    """Return the rules that the release itself fails without a listed known failure, one line each."""
    broken = {one.rule: one.why for one in verdicts if one.what is What.BROKEN and one.rule not in listed}
    return [f"{rule} fails unaltered, and is no known failure of this release: {why}" for rule, why in broken.items()]


def unproven(seen: Collection[Seen], spec: Spec) -> list[str]:
    """Return the cases that the unaltered run left undecided, for rules that need a mutant, one line each."""
    return [
        f"{one.result.rule} {one.result.case} unaltered: {one.result.outcome}: {one.result.reason}".replace("  ", " ")
        for one in seen
        if not one.mutant
        and one.result.outcome in {Outcome.ERROR, Outcome.NOT_RUN}
        and needs_mutant(spec[one.result.rule])
    ]
