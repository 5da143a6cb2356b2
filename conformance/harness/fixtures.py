"""Fixtures for tests: the test's own store, the initializer, and models."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from conformance.api.benchmark import Benchmark
from conformance.api.budget import Meter
from conformance.api.fetch import Expectation
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample, deposit
from conformance.api.silence import Silence
from conformance.harness.controls import Controls
from conformance.harness.items import case_of, rule_of
from conformance.harness.outcome import keeps
from conformance.harness.partition import partition
from conformance.harness.progress import announced
from conformance.harness.record import record_of
from conformance.harness.run import RUN, Run
from scenarios.content.models import MODEL, SHARDED
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import Store
from scenarios.stores.oci import OCI


@pytest.fixture
def run(pytestconfig: pytest.Config) -> Run:
    """The current run."""
    return pytestconfig.stash[RUN]


@pytest.fixture
def gateway(run: Run) -> Gateway:
    """The gateway between the initializer and the servers."""
    return run.fleet.gateway


@pytest.fixture
def store(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Store:
    """This test's own part of the store in its parameters. No test sees another's part."""
    return partition(run, request.param, tmp_path / "store")


@pytest.fixture
def registry(run: Run, tmp_path: Path) -> OCI:
    """This test's own part of the registry, for images that nodes pull. The test does not judge the registry."""
    if reason := run.fleet.unavailable.get(run.server_of(OCI.name)):
        raise NotOffered(reason)
    return cast("OCI", partition(run, OCI.name, tmp_path / "registry"))


@pytest.fixture
def sample(store: Store) -> Sample:
    """A model in the store, for tests that do not depend on its shape. Over HTTP it is a single file."""
    return deposit(store, MODEL, "config.json")


@pytest.fixture
def shards(store: Store) -> Sample:
    """A model of a few MiB in the store, mostly in files of equal size. Over HTTP it is one of them."""
    return deposit(store, SHARDED, "part-0.bin")


@pytest.fixture
def silence() -> Iterator[Silence]:
    """A store that never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield Silence(listener)


@pytest.fixture
def initializer(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Fetcher]:
    """The initializer under test, which fetches from this test's store."""
    node = request.node
    asked = request.getfixturevalue("store") if "store" in request.fixturenames else None
    expected = Expectation(
        rule=rule_of(node),
        spec=run.spec,
        release=run.exact_words,
        store=asked.name if asked else None,
        case=case_of(node),
        unreleased=run.initializer.unreleased,
    )
    scratch = tmp_path / "calls"
    scratch.mkdir()
    label = " on ".join(filter(None, [rule_of(node).id, expected.store]))
    with announced(run.fleet.folder, label) as before_call:
        fetcher = Fetcher(
            run.initializer,
            expected,
            asked,
            run.fleet.gateway,
            scratch,
            before_call=before_call,
            controls=Controls(run, rule_of(node), before_call),
        )
        record_of(node).fetcher = fetcher
        yield fetcher
    run.initializer.clean_up(keep=keeps(run, node))
    remove(scratch)


@pytest.fixture
def meter(request: pytest.FixtureRequest, run: Run, store: Store, initializer: Fetcher) -> Meter:
    """Judges the budget of this test's rule from measured calls on its store."""
    folder = run.fleet.folder / "measured"
    folder.mkdir(exist_ok=True)
    budget = rule_of(request.node).budget
    assert budget is not None, "a rule without a budget"  # noqa: S101
    return Meter(Benchmark(store, initializer, run.fleet.gateway, folder), budget, record_of(request.node).measurements)


def remove(folder: Path) -> None:
    """Remove the files of calls, including folders without permissions."""

    def open_and_retry(function: Callable[[str], object], path: str, _: object) -> None:
        Path(path).parent.chmod(0o700)
        Path(path).chmod(0o700)
        function(path)

    shutil.rmtree(folder, onerror=open_and_retry)
