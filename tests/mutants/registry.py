"""The mutants by name: what each breaks, and the rules that must notice."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:  # the program that runs one mutant starts without the suite
    from conformance.spec import Rule, Spec

#: The modules that declare mutants.
AREAS = (
    "placement", "listings", "archives", "contract", "errors", "credentials", "patterns", "faults", "security",
    "throughput",
)  # fmt: skip
#: Levels and profiles of the rules that need a mutant. Rules on injection have mutants of another kind of program.
LEVELS = ("MUST", "SHOULD")
PROFILES = ("download", "faults", "throughput", "security")
#: The route on which mutants run.
ROUTE = "process"
#: The stores that the reference serves, the cheapest first: a mutant that names none runs on the first of its rule.
QUICKEST = ("local", "http", "s3", "azure-blob", "webhdfs", "gcs", "hf", "oci", "git", "azure-files", "pvc")
#: What a mutant prints last that stumbled over itself: that is no defect that a rule could notice.
CRASHED = "the mutant crashed"


class RegistryError(Exception):
    """The mutants contradict the spec or each other; the text names the mutant or the rule."""


@dataclass(frozen=True)
class Mutant:
    """An initializer that is broken in one way.

    breaks  applies the defect to the reference, in the process that runs it.
    rules   each of them must notice.
    stores  where each of these rules must notice, as far as it applies there; none: on its quickest store.
    cases   patterns of the cases that run; none: all.
    """

    name: str
    breaks: Callable[[], object]
    rules: tuple[str, ...]
    stores: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()

    @property
    def area(self) -> str:
        """The module that it stands in."""
        return self.breaks.__module__.rsplit(".", 1)[-1]

    @property
    def says(self) -> str:
        """What it does, in one paragraph."""
        return " ".join(inspect.cleandoc(self.breaks.__doc__ or "").split())

    @property
    def asked(self) -> tuple[str, ...]:
        """The rules whose cases it has to face."""
        return self.rules

    def stores_of(self, rule: Rule) -> tuple[str, ...]:
        """Where `rule` must notice; "" for a rule that needs no store."""
        if not rule.stores:
            return ("",)
        if self.stores:
            return tuple(store for store in self.stores if store in rule.stores)
        return tuple(store for store in QUICKEST if store in rule.stores)[:1]

    def concerns(self, rule: Rule, store: str, case: str) -> bool:
        """Whether a case of the suite can tell this mutant from the reference."""
        return (
            rule.id in self.asked
            and store in self.stores_of(rule)
            and (not self.cases or any(fnmatchcase(case, pattern) for pattern in self.cases))
        )


@dataclass
class Registry:
    """Mutants as they are declared."""

    mutants: dict[str, Mutant] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Mutant]:
        return iter(self.mutants.values())

    def mutant(
        self, *rules: str, stores: Sequence[str] = (), cases: Sequence[str] = ()
    ) -> Callable[[Callable[[], object]], Callable[[], object]]:
        """Declare the decorated function as a mutant that `rules` must notice; see `Mutant` for the rest."""

        def declare(breaks: Callable[[], object]) -> Callable[[], object]:
            name = breaks.__name__
            if name in self.mutants:
                raise RegistryError(f"{name}: two mutants have this name")
            self.mutants[name] = Mutant(name, breaks, rules, tuple(stores), tuple(cases))
            return breaks

        return declare

    def check(self, spec: Spec) -> None:
        """Raise RegistryError for a mutant that no rule of the spec can notice, or that does not say what it is."""
        for one in self:
            if not one.rules or not one.says:
                raise RegistryError(f"{one.name}: a mutant has a docstring and names the rules that must notice")
            for rule in one.rules:
                if rule not in spec.rules:
                    raise RegistryError(f"{one.name}: the spec has no rule {rule}")
                if not one.stores_of(spec[rule]):
                    raise RegistryError(f"{one.name}: {rule} does not apply to {', '.join(one.stores)}")

    def without_mutant(self, spec: Spec, release: str) -> list[str]:
        """The rules in force for KServe `release` that need a mutant and have none."""
        named = {rule for one in self for rule in one.rules}
        return [rule.id for rule in spec if needs_mutant(rule, release) and rule.id not in named]

    def by_rule(self) -> Mapping[str, list[Mutant]]:
        """Rule id -> the mutants that it must notice."""
        found: dict[str, list[Mutant]] = {}
        for one in self:
            for rule in one.rules:
                found.setdefault(rule, []).append(one)
        return found


def needs_mutant(rule: Rule, release: str) -> bool:
    """Whether it has to be shown that the rule notices; not for stores that the reference does not serve."""
    observed = ROUTE in rule.routes and (not rule.stores or not set(rule.stores).isdisjoint(QUICKEST))
    return rule.level in LEVELS and rule.profile in PROFILES and observed and rule.in_force(release)


ALL = Registry()
mutant = ALL.mutant


def part(name: str) -> Any:  # noqa: ANN401 - what is broken in it fits no type
    """A module of the reference. It is imported with the mutant that breaks it: some bring an SDK along."""
    return importlib.import_module(f"initializer.{name}")


def wrap(owner: object, name: str, new: Callable[..., object]) -> None:
    """Put `new` in the place of a function or method; it is given the former one as its first argument."""
    former = getattr(owner, name)

    @functools.wraps(former)
    def replaced(*given: object, **named: object) -> object:
        return new(former, *given, **named)

    setattr(owner, name, replaced)


def stumbled(error: Exception) -> NoReturn:
    """What the reference does not expect is an error of the mutant: no message makes a defect of it."""
    raise error


def load() -> Registry:
    """All mutants."""
    for area in AREAS:
        importlib.import_module(f"tests.mutants.{area}")
    return ALL
