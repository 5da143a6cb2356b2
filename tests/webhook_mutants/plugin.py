"""The pytest plugin of the controlling process and each worker: it adds a row for each mutant to the unaltered row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from conformance.harness.items import case_of, rule_id, rule_of
from tests.webhook_mutants.groups import load
from tests.webhook_mutants.registry import Mutant

#: The entry in a report's `user_properties` that names the mutant of the case; missing for an unaltered case.
PROPERTY = "mutant"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutant", action="append", default=[], metavar="NAME", help="run cases on this mutant too")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Add a last parameter to the test: None (unaltered), or a mutant that its rule must notice."""
    rule = next((mark.args[0] for mark in metafunc.definition.iter_markers("rule")), "")
    known = load()
    asked = [known.mutants[name] for name in metafunc.config.getoption("mutant")]
    mutants = [one for one in asked if rule in one.rules]
    if mutants:
        ids: list[Any] = [pytest.HIDDEN_PARAM, *(one.name for one in mutants)]
        metafunc.parametrize("mutant", [None, *mutants], ids=ids, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the cases that a mutant concerns, and hide the last parameter from other code."""
    items[:] = [item for item in items if _unaltered(item) or _claimed(item)]
    # First the cases that need the cluster alone, so that no other case waits behind them; then the slowest cases.
    items.sort(key=lambda item: ("kserve_config" not in _fixtures(item), rule_of(item).profile != "flow"))


def _fixtures(item: pytest.Item) -> list[str]:
    names: list[str] = getattr(item, "fixturenames", [])
    return names


def _of(item: pytest.Item) -> Mutant | None:
    callspec = getattr(item, "callspec", None)
    found: Mutant | None = callspec.params.get("mutant") if callspec else None
    return found


def _unaltered(item: pytest.Item) -> bool:
    return _of(item) is None


def _claimed(item: Any) -> bool:  # noqa: ANN401 - an item of a function
    """Return whether the mutant concerns this case. Restore the case's id, and record the mutant in its properties."""
    mutant = _of(item)
    assert mutant is not None
    item.callspec = replace(item.callspec, _idlist=item.callspec._idlist[:-1])
    item.user_properties.append((PROPERTY, mutant.name))
    return mutant.concerns(rule_id(item) or "", case_of(item))


@pytest.fixture(autouse=True)
def mutant(request: pytest.FixtureRequest) -> Iterator[None]:
    """Apply the mutant of this row to KServe's answers."""
    found: Mutant | None = getattr(request, "param", None)
    if found is None:
        yield
        return
    with found.applied():
        yield
