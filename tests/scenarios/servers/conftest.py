"""The server of a module's store, with its gateway, as the clients of the service reach it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.servers.fleet import Fleet
from scenarios.stores.base import Store

_numbers = itertools.count()


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The embedded server of the class in the module's `STORE`."""
    kind: type[Store] = request.module.STORE
    running = Fleet.start([kind.servers["embedded"]], tmp_path_factory.mktemp("servers") / "fleet")
    yield running
    running.stop()


@pytest.fixture
def store(request: pytest.FixtureRequest, fleet: Fleet, tmp_path: Path) -> Store:
    """The test's part of the store."""
    kind: type[Store] = request.module.STORE
    server = kind.servers["embedded"].name
    if server in fleet.unavailable:
        pytest.skip(fleet.unavailable[server])
    return kind(fleet.endpoints[server], fleet.gateway, f"case-{next(_numbers)}", tmp_path)
