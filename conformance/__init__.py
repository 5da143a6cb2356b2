"""The rules that initializers must follow: the spec, and at least one test for each rule."""

import pytest


def rule(rule_id: str, *, stores: tuple[str, ...] | None = None) -> pytest.MarkDecorator:
    """Mark a test as a check of rule `rule_id`. Every test below `conformance/` has exactly one such mark.

    It runs on each store that the rule applies to, or on `stores` if only they have what the test needs.
    """
    return pytest.mark.rule(rule_id, stores=stores)
