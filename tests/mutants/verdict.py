"""Decide whether each rule that must notice a mutant noticed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from conformance.spec import Spec
from reports.model import Outcome, Result
from tests.mutants.registry import CRASHED, Mutant

#: Rules that do not concern the reference, with the reason.
UNPROVEN = {"FAULT-017": "it starts no child processes"}


@dataclass(frozen=True)
class Kill:
    """A rule that noticed a mutant on a store ("" for none): `failed` of `ran` cases failed."""

    rule: str
    store: str
    failed: int
    ran: int

    def __str__(self) -> str:
        return f"{self.store} {self.failed} of {self.ran}".strip()


@dataclass(frozen=True)
class Verdict:
    """The result for a mutant. `wrong` has one line for each reason why it survived; empty for a killed mutant."""

    mutant: Mutant
    kills: Sequence[Kill]
    wrong: Sequence[str]

    @property
    def killed(self) -> bool:
        """Whether every rule noticed the mutant on every required store."""
        return not self.wrong


def judge(mutant: Mutant, results: Collection[Result], spec: Spec) -> Verdict:
    """Judge a mutant by the results of its cases.

    Only the outcome `failed` counts as noticed. An error proves nothing, nor does a mutant that crashed by itself.
    """
    kills, wrong = [], []
    for rule in mutant.rules:
        for store in mutant.stores_of(spec[rule]):
            seen = [result for result in results if (result.rule, result.store) == (rule, store)]
            failed = sum(result.outcome is Outcome.FAILED and CRASHED not in result.message for result in seen)
            if failed:
                kills.append(Kill(rule, store, failed, len(seen)))
            else:
                wrong.append(f"{rule}{f' on {store}' if store else ''} did not notice: {_said(seen)}")
    return Verdict(mutant, kills, wrong)


def _said(seen: Sequence[Result]) -> str:
    if not seen:
        return "no case of it ran"
    counts = Counter(CRASHED if CRASHED in result.message else str(result.outcome) for result in seen)
    reasons = dict.fromkeys(result.reason for result in seen if result.reason)
    return "; ".join([", ".join(f"{count} {outcome}" for outcome, count in counts.items()), *reasons])


def disgraced(results: Collection[Result]) -> list[str]:
    """Return one line for each failure of the reference, and for each rule of which no case passed.

    A case that a server does not support is `not-run` for every initializer. It is no failure if other cases of its
    rule passed. The same holds for features that the reference does not have (`unsupported`).
    """
    silent = {Outcome.NOT_RUN, Outcome.UNSUPPORTED}
    passed = {result.rule for result in results if result.outcome is Outcome.PASSED}
    broken = [
        " ".join(filter(None, (result.rule, result.store, result.case, f"{result.outcome}:", why(result))))
        for result in results
        if result.outcome not in {Outcome.PASSED, *silent}
    ]
    others = {result.rule: result for result in results if result.outcome in silent and result.rule not in passed}
    return broken + [
        f"{rule}: no case of it passed: {result.reason}" for rule, result in others.items() if rule not in UNPROVEN
    ]


def why(result: Result) -> str:
    """Return the reason for a result in one line."""
    wrong = result.message.partition("problem: ")[2].partition("\n")[0]
    return result.reason or wrong or result.message[-200:]
