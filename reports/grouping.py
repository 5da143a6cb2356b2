"""Results in groups of one cause, and each result in one line; for the page, the terminal and JUnit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reports.model import Outcome, Result


@dataclass(frozen=True)
class Group:
    """Results with the same cause."""

    cause: str
    reference: str
    results: Sequence[Result]

    @property
    def rules(self) -> list[str]:
        """Return the ids of the rules, each once."""
        return sorted({result.rule for result in self.results})

    @property
    def stores(self) -> list[str]:
        """Return the stores, each once."""
        return sorted({result.store for result in self.results if result.store})


def groups(results: Iterable[Result], outcome: Outcome, cause: Callable[[Result], str]) -> list[Group]:
    """Group the results of one outcome by cause and reference, the largest group first."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.outcome is outcome:
            found.setdefault((cause(result), result.reference), []).append(result)
    return sorted((Group(*key, members) for key, members in found.items()), key=lambda group: -len(group.results))


def alike(failed: Iterable[Result]) -> list[Group]:
    """Group failures by rule and problem, sorted by both."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in failed:
        found.setdefault((result.rule, problem(result)), []).append(result)
    return [Group(cause, "", members) for (_, cause), members in sorted(found.items())]


def problem(result: Result) -> str:
    """Return the problem that the message names, with its first detail."""
    _, found, rest = result.message.partition("\nproblem: ")
    lines = [line.strip() for line in rest.splitlines()]
    if not found or not lines:
        return headline(result)
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def headline(result: Result) -> str:
    """Summarise the result of a case in one line."""
    first = next((line for line in result.message.splitlines() if line.strip()), "")
    if result.outcome is Outcome.FIXED:
        return f"the case passed; remove it from the list of known failures ({result.reason or result.rule})"
    if result.outcome in {Outcome.FAILED, Outcome.ERROR}:
        return first or result.outcome
    return f"{result.outcome}: {result.reason or first or 'no reason given'}"
