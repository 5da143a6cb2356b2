"""Let Hypothesis draw examples, and shrink the first one with a problem within a fixed number of calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from conformance.explore.examples import Example
from conformance.explore.strategies import Strategy
from scenarios.reasons import NotOffered

#: The most calls and seconds that shrinking adds to one finding.
SHRINK_CALLS = 60
SHRINK_S = 90.0


class _Wrong(Exception):
    """The example has a problem. One place raises it, so that Hypothesis takes all problems for the same."""


@dataclass
class Hunt:
    """The search for one example with a problem.

    judge     calls the initializer with an example, and returns the problem, or "". Raises NotOffered if the store
              cannot hold the example.
    cases     examples that were judged before the first problem, that one included.
    rejected  examples that the store cannot hold.
    found     the smallest example with a problem so far.
    """

    judge: Callable[[Example], str]
    cases: int = 0
    rejected: int = 0
    found: Example | None = None

    def __post_init__(self) -> None:
        self._problems: dict[str, str] = {}
        self._shrinks = 0
        self._until = 0.0

    def run(self, strategy: Strategy, *, examples: int, seeded_with: str) -> None:
        """Judge `examples` examples, or fewer if one has a problem or if no more exist."""

        @seed(seeded_with)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(strategy)
        def judged(example: Example) -> None:
            if self._problem(example):
                self.found = example
                raise _Wrong

        # Hypothesis also draws constants from the source of modules that the process has imported. A run of all tests
        # would have other examples than the command that repeats one of them.
        with patch.object(providers, "_get_local_constants", Constants), suppress(_Wrong, Unsatisfiable):
            judged()

    def _problem(self, example: Example) -> str:
        """Judge an example once. When shrinking has used its budget, an unknown example has no problem."""
        key = repr(example)
        if key not in self._problems:
            if self.found and (self._shrinks >= SHRINK_CALLS or time.monotonic() > self._until):
                return ""
            self._problems[key] = self._judged(example)
        return self._problems[key]

    def _judged(self, example: Example) -> str:
        try:
            problem = self.judge(example)
        except NotOffered:
            self.rejected += 1
            reject()
        if self.found:
            self._shrinks += 1
        else:
            self.cases += 1
            self._until = time.monotonic() + SHRINK_S
        return problem
