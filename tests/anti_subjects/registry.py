"""The cheats by name: what each does, and the rules that must not be taken in."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.anti_subjects.downloader import Downloader
from tests.mutants.registry import Mutant, Registry

#: The modules that declare cheats.
AREAS = ("words", "leaks", "lifecycle", "places")


@dataclass(frozen=True)
class Cheat(Mutant):
    """A program that is judged as a mutant is: each of its `rules` must fail on each of its `stores`.

    breaks     the class of the program.
    barred     rules of which no case may pass there. Where the rules that they build on fail, they are `not-run`.
    unnoticed  why none of `rules` notices it yet; "" where each must.
    """

    barred: tuple[str, ...] = ()
    unnoticed: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        return (*self.rules, *self.barred)


ALL = Registry()


def cheat(
    *rules: str, stores: tuple[str, ...] = ("http",), barred: tuple[str, ...] = (), unnoticed: str = ""
) -> Callable[[type[Downloader]], type[Downloader]]:
    """Declare the decorated class as a cheat on these stores; see `Cheat`."""

    def declare(program: type[Downloader]) -> type[Downloader]:
        name = program.__name__
        assert name not in ALL.mutants, f"{name}: two cheats have this name"
        ALL.mutants[name] = Cheat(name, program, rules, stores, barred=barred, unnoticed=unnoticed)
        return program

    return declare


def load() -> Registry:
    """All cheats."""
    for area in AREAS:
        importlib.import_module(f"tests.anti_subjects.{area}")
    return ALL
