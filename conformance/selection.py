"""Which collected tests run, in which order, and what a collection must never lack."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest

from conformance.run import rule_id, store_of
from conformance.spec import Spec

#: Rules whose cases wait for time limits of the initializer: started first, they wait beside the others.
SLOW = ("ERR-009", "ERR-003", "CRED-025", "CRED-024", "CONTRACT-010", "ERR-014", "CRED-015")


def check(items: Collection[pytest.Item], spec: Spec, *, whole: bool) -> None:
    """Refuse a test without a known rule and, where the `whole` suite was collected, a MUST without a test."""
    for item in items:
        name = rule_id(item)
        if name is None:
            raise pytest.UsageError(f"{item.nodeid} has no @rule(...): say which rule of the spec it checks")
        if name not in spec.rules:
            raise pytest.UsageError(f"{item.nodeid} checks {name}, which the spec does not have")
    tested = {rule_id(item) for item in items}
    untested = [rule.id for rule in spec if rule.level == "MUST" and rule.id not in tested]
    if whole and untested:
        raise pytest.UsageError(f"no test checks {', '.join(untested)}")


def is_partial(config: pytest.Config) -> bool:
    """Whether the command line names less than the whole folder of tests."""
    return not any((Path(arg) / "spec" / "spec.yaml").exists() for arg in config.args)


def pairs(items: Iterable[pytest.Item]) -> set[tuple[str, str]]:
    """(rule, store) of each item, store "" where it needs none."""
    return {(rule_id(item) or "", store_of(item) or "") for item in items}


def smoke(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The first item of each area on each store, without those that wait for time limits."""
    first: dict[tuple[str, str | None], pytest.Item] = {}
    for item in items:
        name = rule_id(item) or ""
        if name not in SLOW:
            first.setdefault((name.rsplit("-", 1)[0], store_of(item)), item)
    return list(first.values())


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The slow rules before the rest, so that no worker is left waiting for one alone at the end."""
    return sorted(items, key=_haste)


def workers() -> int:
    """Four for each core that may be used: initializers wait for stores, up to two minutes for lost ones."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 4 * (cores or 1)


def _haste(item: pytest.Item) -> int:
    name = rule_id(item) or ""
    return SLOW.index(name) if name in SLOW else len(SLOW)
