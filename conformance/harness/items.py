"""Read the rule, the store and the case of a collected pytest item."""

from __future__ import annotations

import pytest

from conformance.spec import Rule, current


def rule_id(item: pytest.Item) -> str | None:
    """Return the rule ID in the item's `rule` mark."""
    mark = item.get_closest_marker("rule")
    return str(mark.args[0]) if mark and mark.args else None


def rule_of(item: pytest.Item) -> Rule:
    """Return the rule that the item checks. Collection ensures that it has one."""
    return current()[rule_id(item) or ""]


def store_of(item: pytest.Item) -> str | None:
    """Return the name of the store in the item's parameters."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("store") if callspec else None


def case_of(item: pytest.Item) -> str:
    """Return the item's parameter ID without the store, whose name comes first in pytest's ID."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return ""
    return str(callspec.id).removeprefix(store_of(item) or "").removeprefix("-")
