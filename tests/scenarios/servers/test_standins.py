"""The traits that all stand-ins share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.reasons import NotOffered
from scenarios.servers.fleet import Fleet
from scenarios.servers.standin import Partition
from scenarios.stores.azure_files import AzureFiles
from scenarios.stores.hf import HuggingFace
from scenarios.stores.http import HTTP
from scenarios.stores.standin import StandInStore
from scenarios.stores.webhdfs import WebHDFS

KINDS: tuple[type[StandInStore], ...] = (HTTP, HuggingFace, WebHDFS, AzureFiles)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    running = Fleet.start([kind.servers["embedded"] for kind in KINDS], tmp_path_factory.mktemp("servers") / "fleet")
    yield running
    running.stop()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_stand_in_runs_and_the_report_marks_it(fleet: Fleet, kind: type[StandInStore]) -> None:
    endpoint = fleet.endpoints[kind.servers["embedded"].name]
    assert endpoint.fidelity == "stand-in"
    assert endpoint.version.startswith("aiohttp ")


@pytest.mark.parametrize("kind", [HTTP, WebHDFS, AzureFiles], ids=lambda kind: kind.name)
def test_a_sample_is_put_where_its_uri_leads(fleet: Fleet, kind: type[StandInStore], tmp_path: Path) -> None:
    """In the folder that the store names, or at its root."""
    store = kind(fleet.endpoints[kind.servers["embedded"].name], fleet.gateway, f"sample-{kind.name}", tmp_path)
    store.put_sample({"a.bin": b"a"})
    assert (store.partition.folder / store.sample_folder / "a.bin").read_bytes() == b"a"
    assert f"{store.case}/{store.sample_folder}" in store.sample_uri("a.bin")


@pytest.mark.parametrize("tree", [{"model": b"", "model/a": b""}, {"../a": b""}], ids=["file-and-folder", "outside"])
def test_a_tree_that_no_store_holds_is_not_offered(fleet: Fleet, tree: dict[str, bytes], tmp_path: Path) -> None:
    store = WebHDFS(fleet.endpoints[WebHDFS.servers["embedded"].name], fleet.gateway, "refused", tmp_path)
    with pytest.raises(NotOffered):
        store.put(tree)


def test_host_names_lead_to_one_server_each() -> None:
    hosts = [host for kind in KINDS for host in kind.servers["embedded"].hosts]
    assert len(set(hosts)) == len(hosts)
    assert not [host for host in hosts if host.endswith(".models.example")]


@pytest.mark.parametrize(
    "segments", [["..", "secret"], ["."], [""], ["a/../../secret"], ["/etc/passwd"], ["nul\0"]], ids=repr
)
def test_no_path_leads_outside_a_case(tmp_path: Path, segments: list[str]) -> None:
    (tmp_path / "secret").write_text("s")
    partition = Partition(tmp_path, "case")
    partition.folder.mkdir()
    assert partition.find(segments) is None
    assert not Partition(tmp_path, "..").exists


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_store_is_usable_without_the_extra(kind: type[StandInStore]) -> None:
    """Its module, and its server's, load where aiohttp is not installed."""
    check = f"import sys, {kind.__module__}; sys.exit('aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=Path(__file__).parents[3])
