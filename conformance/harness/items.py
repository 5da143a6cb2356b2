"""What a collected item is about: its rule, its store and its case."""

from __future__ import annotations

import pytest

from conformance.spec import Rule, current


def rule_id(item: pytest.Item) -> str | None:
    """The id in the item's `rule` mark."""
    mark = item.get_closest_marker("rule")
    return str(mark.args[0]) if mark and mark.args else None


def rule_of(item: pytest.Item) -> Rule:
    """The rule that the item checks; collection has made sure that it has one."""
    return current()[rule_id(item) or ""]


def store_of(item: pytest.Item) -> str | None:
    """The name of the store in the item's row."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("store") if callspec else None


def case_of(item: pytest.Item) -> str:
    """The id of the item's row without its store (the store's name comes first in pytest's id)."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return ""
    return str(callspec.id).removeprefix(store_of(item) or "").removeprefix("-")
