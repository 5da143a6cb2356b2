"""From results to verdicts: which rule noticed which mutant on the release that was run."""

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

#: A case, whichever mutant it ran on: rule, test and case. A rule of these profiles has one store at most.
Case = tuple[str, str, str]


@dataclass(frozen=True)
class Seen:
    """What became of a case, on a mutant or ("") unaltered."""

    mutant: str
    result: Result

    @property
    def case(self) -> Case:
        return self.result.rule, self.result.test, self.result.case


class Collector:
    """A pytest plugin of the controlling process: what became of every case."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Case], Seen] = {}

    @property
    def seen(self) -> list[Seen]:
        return list(self._seen.values())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a phase's result, if it has one; an error while cleaning up outweighs what the test came to."""
        if one := _seen(report):
            self._seen[one.mutant, one.case] = one

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Spare the eye a summary that mixes what is altered with what is not; everything was stopped already."""
        if CONTROLLER in session.config.stash:
            del session.config.stash[CONTROLLER]

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """A mutant that was noticed is no failure to the eye."""
        one = _seen(report)
        noticed = one is not None and one.mutant and one.result.outcome is Outcome.FAILED
        return ("noticed", "n", "NOTICED") if noticed else None


def _seen(report: pytest.TestReport) -> Seen | None:
    """What a phase's report says of its case; None for a phase that decides nothing."""
    told = dict(report.user_properties)
    sent = told.get(RESULT)
    if not isinstance(sent, dict):
        return None
    return Seen(str(told.get(MUTANT, "")), from_json(Result, sent["result"]))


class What(StrEnum):
    """What a mutant showed of a rule."""

    NOTICED = "noticed"
    BROKEN = "broken"
    SURVIVED = "survived"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Verdict:
    """What a mutant showed of a rule on one release.

    NOTICED: a case failed that passes unaltered. BROKEN: this release itself fails the cases, which proves the same.
    `why` says in words what else it is than noticed.
    """

    rule: str
    mutant: str
    what: What
    why: str = ""


def judge(mutants: Iterable[Mutant], seen: Collection[Seen], spec: Spec, release: str) -> Iterator[Verdict]:
    """A verdict for each rule in force of each mutant."""
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
    """What keeps a run from being a proof, a line each: survivors, and pairs that could not be shown."""
    return [
        f"{one.rule} on {one.mutant}: {one.what}: {one.why}"
        for one in verdicts
        if one.what in {What.SURVIVED, What.NOT_SHOWN}
    ]


def unlisted(verdicts: Iterable[Verdict], listed: Collection[str]) -> list[str]:
    """Rules that the release breaks although no known failure says so, a line each."""
    broken = {one.rule: one.why for one in verdicts if one.what is What.BROKEN and one.rule not in listed}
    return [f"{rule} fails unaltered, and is no known failure of this release: {why}" for rule, why in broken.items()]


def unproven(seen: Collection[Seen], spec: Spec) -> list[str]:
    """What the unaltered run left open on rules that need a mutant, a line each."""
    return [
        f"{one.result.rule} {one.result.case} unaltered: {one.result.outcome}: {one.result.reason}".replace("  ", " ")
        for one in seen
        if not one.mutant
        and one.result.outcome in {Outcome.ERROR, Outcome.NOT_RUN}
        and needs_mutant(spec[one.result.rule])
    ]
