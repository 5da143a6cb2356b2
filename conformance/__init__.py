"""What must hold: the spec, and one test per rule."""

import pytest


def rule(rule_id: str, *, stores: tuple[str, ...] | None = None) -> pytest.MarkDecorator:
    """Mark a test as a check of rule `rule_id`; every test below `conformance/` has exactly one such mark.

    It runs on each store that the rule applies to, or on `stores` when only they have what the test needs.
    """
    return pytest.mark.rule(rule_id, stores=stores)
