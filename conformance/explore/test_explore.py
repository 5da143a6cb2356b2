"""Properties for `--explore N`. Each is a sentence of the spec, held against random examples on each of its stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import rule
from conformance.explore import strategies
from conformance.explore.explorer import Explorer
from conformance.harness.exploring import share_of
from conformance.harness.progress import announced
from conformance.harness.record import record_of
from conformance.harness.run import Run
from scenarios.stores.base import Store

pytestmark = pytest.mark.explore


@pytest.fixture
def explorer(request: pytest.FixtureRequest, run: Run, store: Store, tmp_path: Path) -> Iterator[Explorer]:
    """Explores one property on the store in this item's parameters."""
    record = record_of(request.node)
    with announced(run.fleet.folder, f"{request.node.originalname} on {store.name}") as before_call:
        record.explorer = Explorer(run, record, share_of(request.node), tmp_path, before_call)
        yield record.explorer


@rule("PLACE-001")
def test_folders(explorer: Explorer) -> None:
    """A folder arrives as its tree: every file at its path, byte for byte, and nothing else."""
    explorer.explore(strategies.folders)


@rule("PLACE-004")
def test_files(explorer: Explorer) -> None:
    """A single file arrives under its own name, and alone."""
    explorer.explore(strategies.files)


@rule("ARCH-001")
def test_archives(explorer: Explorer) -> None:
    """A single archive is unpacked to exactly its members."""
    explorer.explore(strategies.archives, way="archive")


@rule("CONTRACT-002")
def test_pairs(explorer: Explorer) -> None:
    """Each of several sources arrives in its own destination, and one that is absent fails the call."""
    explorer.explore(strategies.pairs)


@rule("ERR-001")
def test_addresses(explorer: Explorer) -> None:
    """A URI that is not quite right is refused, or delivers exactly what it names."""
    explorer.explore(strategies.addresses)


@rule("FAULT-008")
def test_faults(explorer: Explorer) -> None:
    """Whatever the network does, the call ends with the whole model or in a failure."""
    explorer.explore(strategies.faults)
