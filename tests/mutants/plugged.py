"""Mutants on the stores of plugins, which the mutants' authors did not know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from conformance.spec import Spec
from reports.model import Outcome, Result
from scenarios.stores import plugins
from scenarios.stores.plugins import PluginError
from tests.mutants.registry import Mutant
from tests.mutants.verdict import Verdict, judge


def moved(chosen: Iterable[Mutant], spec: Spec) -> list[Mutant]:
    """Return the mutants with a rule that applies to the stores of plugins, on these stores. Raises PluginError."""
    for plugin in plugins.loaded():
        if not plugin.schemes:
            raise PluginError(f"--plugin {plugin.name}: has no REFERENCE, the reference's module for its scheme")
    stores = [store for plugin in plugins.loaded() for store in plugin.stores]
    return [found for one in chosen if (found := one.moved_to(stores, spec))]


def elsewhere(chosen: Iterable[Mutant]) -> frozenset[str]:
    """Return the names of mutants with stores of their own: their defect may be in what only these stores need."""
    return frozenset(one.name for one in chosen if one.stores)


def judge_leniently(lenient: Collection[str], mutant: Mutant, results: Collection[Result], spec: Spec) -> Verdict:
    """Judge a mutant. One of the names in `lenient` need not be noticed."""
    verdict = judge(mutant, results, spec)
    return replace(verdict, wrong=()) if mutant.name in lenient else verdict


def played(reference: Iterable[Result]) -> list[Result]:
    """Return the results of the reference without the cases that a plugin's store cannot play."""
    return [result for result in reference if result.outcome is not Outcome.NOT_RUN]


def unproven(verdicts: Iterable[Verdict], chosen: Sequence[Mutant]) -> list[str]:
    """Return a line with the rules of the mutants that noticed none of them; none if there is no such rule."""
    noticed = {kill.rule for verdict in verdicts for kill in verdict.kills}
    rules = sorted({rule for one in chosen for rule in one.rules} - noticed)
    return [f"without a proof on these stores: {', '.join(rules)}"] if rules else []
