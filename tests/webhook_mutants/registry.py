"""The registry of webhook mutants: how each changes KServe's answers, and which rules must notice it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

from conformance.spec import Rule, Spec

#: The levels and profiles of the rules that need a mutant of this kind.
LEVELS = ("MUST", "SHOULD")
PROFILES = ("injection", "flow", "llm", "cache")

#: A method of the suite that returns an answer of KServe to a test: its class and its name.
Seam = tuple[type, str]
#: Maps the return value of such a method to the value that the test gets instead.
Alteration = Callable[[Any], Any]


class RegistryError(Exception):
    """The mutants contradict the spec or each other; the message names the mutant or the rule."""


@dataclass(frozen=True)
class Mutant:
    """A KServe with one defect.

    rules  maps each rule to patterns of its cases that run on the mutant; each rule must notice in at least one case.
    """

    name: str
    says: str
    group: str
    seams: Sequence[Seam]
    alter: Alteration
    rules: Mapping[str, tuple[str, ...]]

    def concerns(self, rule: str, case: str) -> bool:
        """Return whether a case of the suite runs on this mutant."""
        return any(fnmatchcase(case, pattern) for pattern in self.rules.get(rule, ()))

    def within(self, patterns: Sequence[str]) -> Mutant:
        """Return the mutant with only the rules that match `patterns`; with all rules if there are no patterns."""
        kept = {rule: cases for rule, cases in self.rules.items() if any(fnmatchcase(rule, one) for one in patterns)}
        return replace(self, rules=kept) if patterns else self

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Patch the suite's methods, so that they return what KServe with this defect would return."""
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
    """The declared mutants."""

    mutants: dict[str, Mutant] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Mutant]:
        return iter(self.mutants.values())

    def declare(
        self, function: Callable[..., Any], rules: Sequence[str], seams: Sequence[Seam], alter: Alteration
    ) -> None:
        """Declare a mutant. `rules` are ids, or `ID[CASES]` with a pattern of the cases that run."""
        name = function.__name__
        if name in self.mutants:
            raise RegistryError(f"{name}: two mutants have this name")
        says = (inspect.getdoc(function) or "").partition("\n")[0]
        group = function.__module__.rsplit(".", 1)[-1]
        self.mutants[name] = Mutant(name, says, group, seams, alter, _cases(rules))

    def check(self, spec: Spec) -> None:
        """Raise RegistryError for a mutant that no rule can notice, or that has no docstring."""
        for one in self:
            if not one.rules or not one.says:
                raise RegistryError(f"{one.name}: a mutant has a docstring and names the rules that must notice")
            for name in one.rules:
                rule = spec.rules.get(name)
                if rule is None or rule.profile not in PROFILES:
                    raise RegistryError(f"{one.name}: the profiles {', '.join(PROFILES)} have no rule {name}")

    def without_mutant(self, spec: Spec) -> list[str]:
        """Return the rules that need a mutant and have none."""
        named = {rule for one in self for rule in one.rules}
        return [rule.id for rule in spec if needs_mutant(rule) and rule.id not in named]

    def of_rule(self, rule: str) -> list[Mutant]:
        """Return the mutants that a rule must notice."""
        return [one for one in self if rule in one.rules]


def _cases(rules: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Map each rule to the patterns of its cases."""
    found: dict[str, tuple[str, ...]] = {}
    for text in rules:
        rule, bracket, cases = text.removesuffix("]").partition("[")
        found[rule] = (*found.get(rule, ()), cases if bracket else "*")
    return found


def needs_mutant(rule: Rule) -> bool:
    """Return whether the rule needs a mutant."""
    return rule.level in LEVELS and rule.profile in PROFILES


ALL = Registry()
