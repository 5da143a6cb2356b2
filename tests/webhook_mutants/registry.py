"""The mutants of the webhook by name: what each alters of KServe's answers, and the rules that must notice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

from conformance.spec import Rule, Spec

#: Levels and profiles of the rules that need a mutant of this kind.
LEVELS = ("MUST", "SHOULD")
PROFILES = ("injection", "flow")

#: A method of the suite that tells a test what KServe answered: its class and its name.
Seam = tuple[type, str]
#: What a method returned -> what the test gets instead.
Alteration = Callable[[Any], Any]


class RegistryError(Exception):
    """The mutants contradict the spec or each other; the text names the mutant or the rule."""


@dataclass(frozen=True)
class Mutant:
    """A KServe that is broken in one way.

    rules  rule -> patterns of the cases that run on it; each rule must notice, in one case at least.
    """

    name: str
    says: str
    group: str
    seams: Sequence[Seam]
    alter: Alteration
    rules: Mapping[str, tuple[str, ...]]

    def concerns(self, rule: str, case: str) -> bool:
        """Whether a case of the suite runs on it."""
        return any(fnmatchcase(case, pattern) for pattern in self.rules.get(rule, ()))

    def within(self, patterns: Sequence[str]) -> Mutant:
        """The same, for rules like these only; for all without any."""
        kept = {rule: cases for rule, cases in self.rules.items() if any(fnmatchcase(rule, one) for one in patterns)}
        return replace(self, rules=kept) if patterns else self

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The suite's methods as KServe with this defect would have them answer."""
        with ExitStack() as patches:
            for owner, method in self.seams:
                patches.enter_context(patch.object(owner, method, self._altered(getattr(owner, method))))
            yield

    def _altered(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def altered(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            return self.alter(original(*arguments, **named))

        return altered


@dataclass
class Registry:
    """Mutants as they are declared."""

    mutants: dict[str, Mutant] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Mutant]:
        return iter(self.mutants.values())

    def declare(
        self, function: Callable[..., Any], rules: Sequence[str], seams: Sequence[Seam], alter: Alteration
    ) -> None:
        """Keep a mutant. `rules` are ids, or `ID[CASES]` with a pattern of the cases that run."""
        name = function.__name__
        if name in self.mutants:
            raise RegistryError(f"{name}: two mutants have this name")
        says = (inspect.getdoc(function) or "").partition("\n")[0]
        group = function.__module__.rsplit(".", 1)[-1]
        self.mutants[name] = Mutant(name, says, group, seams, alter, _cases(rules))

    def check(self, spec: Spec) -> None:
        """Raise RegistryError for a mutant that no rule can notice or that does not say what it is."""
        for one in self:
            if not one.rules or not one.says:
                raise RegistryError(f"{one.name}: a mutant has a docstring and names the rules that must notice")
            for name in one.rules:
                rule = spec.rules.get(name)
                if rule is None or rule.profile not in PROFILES:
                    raise RegistryError(f"{one.name}: the profiles {', '.join(PROFILES)} have no rule {name}")

    def without_mutant(self, spec: Spec) -> list[str]:
        """The rules that need a mutant and have none."""
        named = {rule for one in self for rule in one.rules}
        return [rule.id for rule in spec if needs_mutant(rule) and rule.id not in named]

    def of_rule(self, rule: str) -> list[Mutant]:
        """The mutants that a rule must notice."""
        return [one for one in self if rule in one.rules]


def _cases(rules: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Rule -> patterns of cases."""
    found: dict[str, tuple[str, ...]] = {}
    for text in rules:
        rule, bracket, cases = text.removesuffix("]").partition("[")
        found[rule] = (*found.get(rule, ()), cases if bracket else "*")
    return found


def needs_mutant(rule: Rule) -> bool:
    """Whether it has to be shown that the rule notices."""
    return rule.level in LEVELS and rule.profile in PROFILES


ALL = Registry()
