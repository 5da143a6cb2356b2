"""The registry of mutants: what each breaks, and which rules must notice it."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:  # running one mutant does not import the suite
    from conformance.spec import Rule, Spec

#: The modules that declare mutants.
AREAS = (
    "placement", "listings", "paging", "network", "archives", "foreign_archives",
    "contract", "errors", "credentials", "settings",
    "identity", "patterns", "faults", "security", "throughput", "web", "hub",
)  # fmt: skip
#: The levels and profiles of rules that need a mutant. For rules on injection, see tests/webhook_mutants.
LEVELS = ("MUST", "SHOULD")
PROFILES = ("download", "faults", "throughput", "security")
#: The route that mutants run on.
ROUTE = "process"
#: The stores of the reference, the cheapest first. A mutant without stores runs on the first store that its rule has.
QUICKEST = ("local", "http", "s3", "azure-blob", "webhdfs", "gcs", "hf", "oci", "git", "azure-files", "pvc")
#: The last line of output of a mutant that crashed by itself. Such a crash is not a defect that a rule can notice.
CRASHED = "the mutant crashed"


class RegistryError(Exception):
    """The mutants contradict the spec or each other; the message names the mutant or the rule."""


@dataclass(frozen=True)
class Mutant:
    """An initializer with one defect.

    breaks  applies the defect to the reference, in the process that runs it.
    rules   the rules that must notice the defect.
    stores  the stores on which each of these rules must notice, if it applies there; empty for its cheapest store.
    cases   patterns of the cases that run; empty for all cases.
    """

    name: str
    breaks: Callable[[], object]
    rules: tuple[str, ...]
    stores: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()

    @property
    def area(self) -> str:
        """The name of the module that declares the mutant."""
        return self.breaks.__module__.rsplit(".", 1)[-1]

    @property
    def says(self) -> str:
        """What the mutant does, in one paragraph: the docstring of its function."""
        return " ".join(inspect.cleandoc(self.breaks.__doc__ or "").split())

    @property
    def asked(self) -> tuple[str, ...]:
        """The rules whose cases run on the mutant."""
        return self.rules

    def stores_of(self, rule: Rule) -> tuple[str, ...]:
        """Return the stores on which `rule` must notice; ("",) for a rule that needs no store."""
        if not rule.stores:
            return ("",)
        if self.stores:
            return tuple(store for store in self.stores if store in rule.stores)
        return tuple(store for store in QUICKEST if store in rule.stores)[:1]

    def moved_to(self, stores: Sequence[str], spec: Spec) -> Mutant | None:
        """Return this mutant on other stores: with those of its rules that apply there. None if no rule does."""
        rules = tuple(rule for rule in self.rules if set(spec[rule].stores) & set(stores))
        return replace(self, rules=rules, stores=tuple(stores)) if rules else None

    def concerns(self, rule: Rule, store: str, case: str) -> bool:
        """Return whether a case of the suite can tell this mutant from the reference."""
        return (
            rule.id in self.asked
            and store in self.stores_of(rule)
            and (not self.cases or any(fnmatchcase(case, pattern) for pattern in self.cases))
        )


@dataclass
class Registry:
    """The declared mutants."""

    mutants: dict[str, Mutant] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Mutant]:
        return iter(self.mutants.values())

    def mutant(
        self, *rules: str, stores: Sequence[str] = (), cases: Sequence[str] = ()
    ) -> Callable[[Callable[[], object]], Callable[[], object]]:
        """Declare the decorated function as a mutant that `rules` must notice; see `Mutant` for the other arguments."""

        def declare(breaks: Callable[[], object]) -> Callable[[], object]:
            name = breaks.__name__
            if name in self.mutants:
                raise RegistryError(f"{name}: two mutants have this name")
            self.mutants[name] = Mutant(name, breaks, rules, tuple(stores), tuple(cases))
            return breaks

        return declare

    def check(self, spec: Spec) -> None:
        """Raise RegistryError for a mutant that no rule of the spec can notice, or that has no docstring."""
        for one in self:
            if not one.rules or not one.says:
                raise RegistryError(f"{one.name}: a mutant has a docstring and names the rules that must notice")
            for rule in one.rules:
                if rule not in spec.rules:
                    raise RegistryError(f"{one.name}: the spec has no rule {rule}")
                if not one.stores_of(spec[rule]):
                    raise RegistryError(f"{one.name}: {rule} does not apply to {', '.join(one.stores)}")

    def without_mutant(self, spec: Spec, release: str) -> list[str]:
        """Return the rules in force for KServe `release` that need a mutant and have none."""
        named = {rule for one in self for rule in one.rules}
        return [rule.id for rule in spec if needs_mutant(rule, release) and rule.id not in named]

    def by_rule(self) -> Mapping[str, list[Mutant]]:
        """Map each rule id to the mutants that the rule must notice."""
        found: dict[str, list[Mutant]] = {}
        for one in self:
            for rule in one.rules:
                found.setdefault(rule, []).append(one)
        return found


def needs_mutant(rule: Rule, release: str) -> bool:
    """Return whether the rule needs a mutant. Rules on stores that the reference does not support need none."""
    observed = ROUTE in rule.routes and (not rule.stores or not set(rule.stores).isdisjoint(QUICKEST))
    return rule.level in LEVELS and rule.profile in PROFILES and observed and rule.in_force(release)


ALL = Registry()
mutant = ALL.mutant


def part(name: str) -> Any:  # noqa: ANN401 - what is broken in it fits no type
    """Import a module of the reference. The import waits until a mutant needs the module, because some load an SDK."""
    return importlib.import_module(f"initializer.{name}")


def add_scheme(prefix: str, file: Path) -> None:
    """Let the reference read URIs with this prefix by the module in `file` (see `Plugin.schemes`)."""
    name = f"initializer.schemes.{file.stem}"
    described = importlib.util.spec_from_file_location(name, file)
    if described is None or described.loader is None:
        raise RegistryError(f"{file}: no Python file")
    sys.modules[name] = module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    schemes = part("schemes")
    schemes.TABLE = {re.escape(prefix): file.stem, **schemes.TABLE}


def wrap(owner: object, name: str, new: Callable[..., object]) -> None:
    """Replace a function or method by `new`, which gets the original as its first argument."""
    former = getattr(owner, name)

    @functools.wraps(former)
    def replaced(*given: object, **named: object) -> object:
        return new(former, *given, **named)

    setattr(owner, name, replaced)


def stumbled(error: Exception) -> NoReturn:
    """Raise the error again, so that a crash of the mutant does not become a message of the initializer."""
    raise error


def load() -> Registry:
    """Load all mutants."""
    for area in AREAS:
        importlib.import_module(f"tests.mutants.{area}")
    return ALL
