"""The fixtures that tests ask for: a store of their own, and the initializer."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.fetching import Expectation, Fetcher
from conformance.judging import FAILED, FETCHER
from conformance.run import RUN, Run, case_of, rule_of
from scenarios.models import MODEL, under
from scenarios.network import Gateway
from scenarios.stores import HTTP, STORES, AzureFiles
from scenarios.stores.base import Store

_numbers = itertools.count(1)


@pytest.fixture
def run(pytestconfig: pytest.Config) -> Run:
    """The run that this test belongs to."""
    return pytestconfig.stash[RUN]


@pytest.fixture
def gateway(run: Run) -> Gateway:
    """What stands between the initializer and the servers."""
    return run.fleet.gateway


@pytest.fixture
def store(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Store:
    """This test's own corner of the store that its row names; no test sees another's."""
    kind = STORES[request.param]
    server = kind.servers.get(run.mode)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    case = f"case-{worker}-{next(_numbers)}"
    # What a store keeps is mounted into pods, so it has to lie where nodes see it too.
    folder = run.fleet.folder / "cases" / case if run.cluster else tmp_path / "store"
    folder.mkdir(parents=True)
    endpoint = run.fleet.endpoints[server.name] if server else None
    return kind(endpoint, run.fleet.gateway, case, folder)


@dataclass(frozen=True)
class Sample:
    """A small model in the store: its URI, and what has to arrive."""

    uri: str
    tree: Mapping[str, bytes]


@pytest.fixture
def sample(store: Store) -> Sample:
    """A model in the store, for tests that are about something else than its shape; over HTTP a single file of it."""
    if isinstance(store, AzureFiles):
        # KServe keeps the folder's name there (PLACE-001); at the root that fault does not hide the others.
        store.put(MODEL)
        return Sample(f"{store.uri()}/", MODEL)
    store.put(under("model", MODEL))
    if isinstance(store, HTTP):
        return Sample(store.uri("model/config.json"), {"config.json": MODEL["config.json"]})
    return Sample(store.uri("model"), MODEL)


@pytest.fixture
def silence() -> Iterator[str]:
    """`127.0.0.1:PORT` of a peer that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def initializer(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Fetcher]:
    """The initializer under test, with this test's store as the place that it fetches from."""
    node = request.node
    asked = request.getfixturevalue("store") if "store" in request.fixturenames else None
    expected = Expectation(
        rule=rule_of(node),
        spec=run.spec,
        release=run.exact_words,
        store=asked.name if asked else None,
        case=case_of(node),
    )
    scratch = tmp_path / "calls"
    scratch.mkdir()
    fetcher = Fetcher(run.initializer, expected, asked, run.fleet.gateway, scratch)
    node.stash[FETCHER] = fetcher
    yield fetcher
    run.initializer.settle(keep=FAILED in node.stash and run.keeps())
    _remove(scratch)


def _remove(folder: Path) -> None:
    """Remove what calls left, folders without permissions included."""

    def open_and_retry(function: Callable[[str], object], path: str, _: object) -> None:
        Path(path).parent.chmod(0o700)
        Path(path).chmod(0o700)
        function(path)

    shutil.rmtree(folder, onerror=open_and_retry)
