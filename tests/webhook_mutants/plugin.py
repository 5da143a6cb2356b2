"""The pytest plugin, in the controlling process and in each worker: a row for each mutant beside the unaltered one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from conformance.harness.items import case_of, rule_id, rule_of
from tests.webhook_mutants.groups import load
from tests.webhook_mutants.registry import Mutant

#: Name of the entry of a report's `user_properties` that says which mutant the case ran on; none: unaltered.
PROPERTY = "mutant"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutant", action="append", default=[], metavar="NAME", help="run cases on this mutant too")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The last parameter of a test: unaltered, or a mutant that its rule must notice."""
    rule = next((mark.args[0] for mark in metafunc.definition.iter_markers("rule")), "")
    known = load()
    asked = [known.mutants[name] for name in metafunc.config.getoption("mutant")]
    mutants = [one for one in asked if rule in one.rules]
    if mutants:
        ids: list[Any] = [pytest.HIDDEN_PARAM, *(one.name for one in mutants)]
        metafunc.parametrize("mutant", [None, *mutants], ids=ids, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a mutant's own cases, and let nothing but this plugin see the row's last parameter."""
    items[:] = [item for item in items if _unaltered(item) or _claimed(item)]
    # Who needs the cluster alone goes first, so that nobody waits for the others behind him; then what takes longest.
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
    """Whether the mutant concerns this case; the item then has the id of its case, and says which mutant it is on."""
    mutant = _of(item)
    assert mutant is not None
    item.callspec = replace(item.callspec, _idlist=item.callspec._idlist[:-1])
    item.user_properties.append((PROPERTY, mutant.name))
    return mutant.concerns(rule_id(item) or "", case_of(item))


@pytest.fixture(autouse=True)
def mutant(request: pytest.FixtureRequest) -> Iterator[None]:
    """KServe's answers as this row's mutant has them."""
    found: Mutant | None = getattr(request, "param", None)
    if found is None:
        yield
        return
    with found.applied():
        yield
