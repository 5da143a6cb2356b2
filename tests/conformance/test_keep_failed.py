"""`--keep-failed N`: the objects of the first N failed cases stay in the cluster, those of all others go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from lightkube.operators import exists
from lightkube.resources.core_v1 import Namespace

from clusters import gc
from clusters.base import RUN_LABEL, Cluster
from clusters.engine import Engine
from clusters.kind import KEPT_NAME, Kind
from clusters.sweep import sweep
from conformance.harness.run import Run
from conformance.harness.run_options import Options
from conformance.spec import current
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.kubernetes import INFERENCE_SERVICE, secret, storage_container
from scenarios.cluster.namespaces import RunNamespace
from scenarios.initializers.base import DEST, Call
from scenarios.initializers.command import Command
from scenarios.initializers.injected import Injected, PodSettings
from scenarios.locks import SharedLock
from scenarios.servers.fleet import Fleet
from tests.suite_runs import run as run_suite


class Server:
    """The edge of the API server: remembers what there is, and breaks off when an InferenceService is made."""

    def __init__(self) -> None:
        self.there: list[str] = []

    def create(self, made: Any, *, dry_run: bool = False) -> Any:  # noqa: ANN401
        assert not dry_run
        self.there.append(type(made).__name__)
        if type(made).__name__ == "InferenceService":
            raise ConnectionError("the cluster is gone")
        return made

    def get(self, *_: object, **__: object) -> None:
        """Whatever is asked for is there."""

    def delete(self, kind: type, name: str, **_: object) -> None:
        assert name
        self.there.remove(kind.__name__)


class Paper(Cluster):
    """A cluster of which there is the API server alone."""

    server = Server()

    def client(self) -> Any:  # noqa: ANN401
        return self.server


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paper:
    monkeypatch.setattr(Paper, "server", Server())
    return Paper("paper", "kind", "", tmp_path / "kubeconfig", "paper", "assembled", "")


@pytest.fixture
def injected(cluster: Paper, tmp_path: Path) -> Injected:
    unused = dict.fromkeys((field.name for field in fields(PodSettings)), "unused")
    of_interest = {"cluster": cluster, "release": "0.20.0", "run_id": "run", "lock": SharedLock(tmp_path / "lock")}
    place = PodSettings(**{**unused, **of_interest})  # type: ignore[arg-type]
    return Injected(Command("/bin/true"), "image", place)


def _fail(initializer: Injected, folder: Path) -> None:
    """One call that ends in the middle."""
    environment = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    with pytest.raises(ConnectionError):
        initializer.call(Call([("s3://bucket/model", DEST)], folder, environment=environment))


def test_objects_of_a_case_that_is_not_kept_go(injected: Injected, cluster: Paper, tmp_path: Path) -> None:
    """Although its call never came to its end; the namespace is the run's, and stays until that is over."""
    _fail(injected, tmp_path)
    assert "InferenceService" in cluster.server.there
    injected.clean_up(keep=False)
    assert cluster.server.there == ["Namespace", "ServingRuntime"]


def test_objects_of_a_kept_case_outlast_the_cases_after_it(injected: Injected, cluster: Paper, tmp_path: Path) -> None:
    _fail(injected, tmp_path)
    kept = sorted(cluster.server.there)
    injected.clean_up(keep=True)
    assert sorted(cluster.server.there) == kept
    _fail(injected, tmp_path)
    injected.clean_up(keep=False)
    assert sorted(cluster.server.there) == kept


@pytest.mark.parametrize(("keep", "left"), [(False, []), (True, ["Secret"])])
def test_a_kept_workspace_hides_nothing_from_others(cluster: Paper, keep: bool, left: list[str]) -> None:
    """A ClusterStorageContainer goes in any case: others would see it."""
    api = AdmissionClient(RunNamespace(cluster, "conformance-run-main", "run"), "kserve")
    made = [secret("keys", {"a": "b"}), storage_container("any", [{"prefix": "s3://"}], {"image": "any"})]
    for manifest in made:
        api._made.append(api._owned(manifest, None))
        cluster.server.there.append(manifest["kind"])
    api.leave(keep=keep)
    assert cluster.server.there == left


@pytest.mark.parametrize("wanted", [0, 1, 3])
def test_no_more_than_asked_for_are_kept(tmp_path: Path, wanted: int) -> None:
    """By all workers of a run together, each of which counts for itself in the folder that they share."""
    options = Options.__new__(Options)
    object.__setattr__(options, "keep_failed", wanted)

    def keeps(_: int) -> bool:
        fleet = Fleet.without_servers(tmp_path)
        return Run(options=options, spec=current(), initializer=Command("/bin/true"), fleet=fleet, id="run").keeps()

    with ThreadPoolExecutor(8) as workers:
        assert sum(workers.map(keeps, range(40))) == wanted


@pytest.fixture
def kept_cluster(engine: Engine) -> Iterator[Cluster]:
    """That of `--keep-cluster`; one that was there before is left as it was."""
    before = gc.record_of(KEPT_NAME)
    cluster = Kind(keep=True).start()
    yield cluster
    sweep(cluster)
    if before is None:
        gc.remove(engine, KEPT_NAME)


@pytest.mark.cluster
def test_one_of_several_failed_cases_is_kept(kept_cluster: Cluster, tmp_path: Path) -> None:
    """0.20.0 loses empty files on two stores (PLACE-009), which no list excuses here."""
    options = ("--cluster", "kind", "--keep-cluster", "--keep-failed", "1", "--kserve", "0.20.0", "--rule", "PLACE-009")
    done = run_suite(tmp_path, *options, "--store", "s3,azure-blob", "--known-failures", "none", timeout_s=1200)
    assert [result["outcome"] for result in done.report["results"]].count("failed") >= 2, done.text
    spaces = [space.metadata for space in kept_cluster.client().list(Namespace, labels={RUN_LABEL: exists()})]
    (run,) = {metadata.labels[RUN_LABEL] for metadata in spaces if metadata and metadata.labels}
    services = [*kept_cluster.client().list(INFERENCE_SERVICE, namespace="*", labels={RUN_LABEL: run})]
    assert len(services) == 1, json.dumps([one["metadata"]["name"] for one in services])
