"""Select and check the collected tests."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conformance.harness.exploring import explores
from conformance.harness.items import case_of, rule_id, rule_of, store_of
from conformance.harness.run_options import Options, on_each_store
from conformance.harness.schedule import waits
from conformance.spec import Spec

#: The folders whose tests all need a cluster, and the profile of their rules.
CLUSTER_FOLDERS = {Path(__file__).parents[1] / name: name for name in ("injection", "flow", "llm", "cache")}


def folders_left_out(asked: Options) -> Collection[Path]:
    """Return the folders whose tests cannot run with these options."""
    return CLUSTER_FOLDERS if asked.cluster == "none" else ()


def check(items: Collection[pytest.Item], spec: Spec, *, whole: bool, without: Collection[Path] = ()) -> None:
    """Refuse a test without a known rule and, if pytest collected the `whole` suite, a MUST without a test on a store.

    Every run would leave such a pair out, and its profile could never be complete. Refuse also a case that needs a
    feature by the spec, and that no test has.

    without  the CLUSTER_FOLDERS that this run did not collect.
    """
    for item in items:
        name = rule_id(item)
        if name is None:
            raise pytest.UsageError(f"{item.nodeid} has no @rule(...); add the ID of the rule that it checks")
        if name not in spec.rules:
            raise pytest.UsageError(f"{item.nodeid} checks {name}, which the spec does not have")
    cases = [item for item in items if not explores(item)]
    absent = {CLUSTER_FOLDERS[folder] for folder in without}
    musts = {(rule.id, store) for rule, store in spec.musts() if rule.profile not in absent}
    untested = sorted(musts - pairs(cases))
    if whole and untested:
        names = ", ".join(f"{rule} on {store}" if store else rule for rule, store in untested)
        raise pytest.UsageError(f"no test checks {names}")
    if whole and (missing := sorted(_without_case(cases, spec))):
        rule, pattern = missing[0]
        raise pytest.UsageError(f"no test of {rule} has a case {pattern}, which needs a feature by the spec")


def _without_case(items: Collection[pytest.Item], spec: Spec) -> set[tuple[str, str]]:
    """Return (rule, pattern) of cases that need a feature by the spec and that no item has."""
    some = {(rule.id, pattern) for rule in spec for patterns in rule.features.values() for pattern in patterns}
    some = {pair for pair in some if pair[1] != "*"}
    rules = {rule for rule, _ in some}
    seen = {(rule_id(item), case_of(item)) for item in items if rule_id(item) in rules}
    return {pair for pair in some if not any(rule == pair[0] and fnmatchcase(case, pair[1]) for rule, case in seen)}


def is_partial(config: pytest.Config) -> bool:
    """Return whether the command line names only a part of the test folder."""
    return not any((Path(arg) / "spec" / "spec.yaml").exists() for arg in config.args)


def by_pytest(config: pytest.Config) -> tuple[str, ...]:
    """Return pytest's own options and the paths that select tests, as on a command line."""
    paths = [shlex.quote(str(arg)) for arg in config.args] if is_partial(config) else []
    return (*_expressions(config), *paths)


def _expressions(config: pytest.Config) -> list[str]:
    option = config.option
    values = [("-k", option.keyword), ("-m", option.markexpr), *(("--deselect", one) for one in option.deselect or ())]
    flags = [("--last-failed", "lf"), ("--stepwise", "stepwise")]
    return [
        *(f"{name} {shlex.quote(value)}" for name, value in values if value),
        *(name for name, attribute in flags if getattr(option, attribute, False)),  # their plugin may be disabled
    ]


def why_nothing(config: pytest.Config, asked: Options, spec: Spec) -> str:
    """Explain why a run has no cases, and how to fix it."""
    wanted = [pair for pair in on_each_store(spec) if asked.wants(*pair)]
    if not wanted:
        named = {store for rule in spec if asked.names(rule) for store in rule.stores}
        if asked.rules and asked.stores and not named & set(asked.stores):
            rules, stores = ", ".join(asked.rules), ", ".join(asked.stores)
            return f"{rules} does not apply to {stores}; use --store with one of {', '.join(sorted(named))}"
        return f"no rule matches all of {asked.selection}; remove one of these options"
    if remedy := asked.elsewhere(wanted):
        return f"{asked.selection} needs {remedy}"
    if not any(asked.judges(*pair) for pair in wanted):
        return f"{asked.selection} does not apply to KServe {asked.kserve}; use --kserve with another release"
    given = [*_expressions(config), *(["--smoke"] if asked.smoke else [])]
    fits = " ".join([*given, asked.selection]).strip()
    matching = f" matches {fits}" if fits else ""
    return f"no test in {' '.join(config.args)}{matching}; use --collect-only to see the tests"


def pairs(items: Iterable[pytest.Item]) -> set[tuple[str, str]]:
    """Return (rule, store) of each item. The store is "" if the rule needs none."""
    return {(rule_id(item) or "", store_of(item) or "") for item in items}


def smoke(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the first item of each area on each store, without items that wait for time limits."""
    first: dict[tuple[str, str | None], pytest.Item] = {}
    for item in items:
        rule = rule_of(item)
        if not waits(rule):
            first.setdefault((rule.area, store_of(item)), item)
    return list(first.values())
