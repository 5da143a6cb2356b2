"""The findings of `--explore`, as frozen dataclasses of the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """An explored example that broke a rule. It is a lead, not a failure: no verdict counts it.

    rule      the rule that the example seems to break.
    feature   the case of the rule that the example resembles; "" for none.
    problem   what the initializer did with the example.
    example   the smallest such example that was found.
    call      the call, how it ended, and its last lines of output.
    repeated  whether the example had a problem in a second call too.
    reproduce a shell command that repeats the exploration of this property on this store.
    evidence  as in `reports.model.Result`.
    """

    rule: str
    feature: str
    problem: str
    example: str
    call: str
    repeated: bool
    reproduce: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exploration:
    """The random examples of one property on one store, and what they showed. They count towards no verdict.

    name      the name of the property, such as `folders`.
    rule      the rule whose statement is the property.
    seed      the seed of the run.
    cases     the number of examples, without those that only shrank a finding.
    calls     the number of calls of the initializer.
    rejected  the number of examples that the store could not hold.
    left_out  what no example contained, because the initializer is known to fail there.
    reason    why there were no examples, or fewer than asked for.
    """

    name: str
    rule: str
    store: str
    server: str
    seed: int
    cases: int = 0
    calls: int = 0
    rejected: int = 0
    duration_s: float = 0.0
    left_out: tuple[str, ...] = ()
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Return a key that is unique among the explorations of a run."""
        return (self.name, self.store)
