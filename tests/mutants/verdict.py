"""Whether a mutant was noticed, by each rule that must notice it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from conformance.spec import Spec
from reports.model import Outcome, Result
from tests.mutants.registry import CRASHED, Mutant

#: Rules that the reference has nothing to do with, and why.
UNPROVEN = {"FAULT-017": "it has no processes of its own"}


@dataclass(frozen=True)
class Kill:
    """One rule that noticed a mutant, on a store ("" for none): `failed` of `ran` cases did."""

    rule: str
    store: str
    failed: int
    ran: int

    def __str__(self) -> str:
        return f"{self.store} {self.failed} of {self.ran}".strip()


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. `wrong`: what makes it a survivor, a line each; none for one that was killed."""

    mutant: Mutant
    kills: Sequence[Kill]
    wrong: Sequence[str]

    @property
    def killed(self) -> bool:
        """Whether every rule noticed, wherever it had to."""
        return not self.wrong


def judge(mutant: Mutant, results: Collection[Result], spec: Spec) -> Verdict:
    """The verdict by the results of the mutant's cases.

    Only `failed` notices: an error proves nothing, and neither does a mutant that stumbled over itself.
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
    """What the reference did not keep, a line each, and the rules of which it passed no case.

    What a server cannot play is `not-run` for every initializer; that says nothing as long as other cases passed.
    Nor does a rule on what the reference does not have (`unsupported`).
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
    """What is wrong, in a line."""
    wrong = result.message.partition("what is wrong: ")[2].partition("\n")[0]
    return result.reason or wrong or result.message[-200:]
