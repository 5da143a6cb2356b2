"""In which order the cases of a run begin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from conformance import selection


class _Item:
    """A collected case, as far as its order depends on it."""

    def __init__(self, rule: str) -> None:
        self.rule = rule

    def get_closest_marker(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(args=(self.rule,))


def _order(rules: list[str], processes: int) -> list[str]:
    items = cast("list[pytest.Item]", [_Item(rule) for rule in rules])
    return [cast("_Item", item).rule for item in selection.spread(items, processes)]


def test_slow_cases_come_early_with_quick_ones_behind() -> None:
    quick = [f"PLACE-{n:03}" for n in range(1, 15)]
    assert _order([*quick, "ERR-003", "ERR-009"], 8) == ["ERR-009", *quick[:6], "ERR-003", *quick[6:]]


def test_nobody_begins_with_two_slow_cases() -> None:
    """Where most are slow; pytest-xdist hands out two to begin with."""
    quick, slow = ["FAULT-001", "FAULT-002", "FAULT-003"], ["FAULT-007"] * 4
    assert _order([*quick, *slow], 2) == [slow[0], quick[0], slow[1], quick[1], *slow[2:], quick[2]]
    assert _order([*quick, *slow], 24)[:6] == [slow[0], quick[0], slow[1], quick[1], slow[2], quick[2]]
