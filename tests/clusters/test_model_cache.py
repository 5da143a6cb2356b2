"""The local model cache's agents on the suite's nodes, and caches that nobody lets go: without a cluster."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from lightkube import ApiError
from lightkube.types import PatchType

from clusters import sweep as sweeping
from clusters.base import RUN_LABEL, Cluster
from clusters.kserve.adaptations import adapt
from clusters.kserve.controllers import chosen
from clusters.kserve.manifests import rendered
from clusters.kserve.model_cache import AGENT, JOBS, model_folder, with_agents
from clusters.kserve.releases import How, find
from clusters.sweep import abandon, sweep

Object = dict[str, Any]


def _cluster(shared: Path | None) -> Cluster:
    return Cluster("none", "kind", "v1", Path("/nonexistent"), "none", "published", "a test", shared)


def _installed(release: str) -> list[Object]:
    entry = find(release)
    beside = chosen(["localmodel", "localmodelnode"], entry)
    how: How = "manifests" if entry.manifests else "helm"
    return adapt(rendered(entry, how, {}, beside), entry, beside)[0]


@pytest.mark.parametrize("release", ["0.15.2", "0.16.0", "0.17.0", "0.20.0"])
def test_agents_run_on_the_nodes_of_the_suite(release: str, tmp_path: Path) -> None:
    cluster = _cluster(tmp_path)
    before = _installed(release)
    objects, notes = with_agents(deepcopy(before), cluster)
    [agent] = [one for one in objects if one["metadata"]["name"] == AGENT and one["kind"] == "DaemonSet"]
    pod = agent["spec"]["template"]["spec"]
    folder = model_folder(cluster)
    assert folder
    assert {"path": str(folder), "type": "Directory"} in [one.get("hostPath") for one in pod["volumes"]]
    assert "nodeSelector" not in pod
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"].count(JOBS) == 1
    assert len(notes) == 2
    [configuration] = [one for one in objects if one["metadata"]["name"] == "inferenceservice-config"]
    assert json.loads(configuration["data"]["localModel"])["enabled"] is True
    kinds = {one["spec"]["names"]["kind"] for one in objects if one["kind"] == "CustomResourceDefinition"}
    assert {"LocalModelCache", "LocalModelNode", "LocalModelNodeGroup"} <= kinds


def test_nothing_changes_without_agents(tmp_path: Path) -> None:
    """A run of other profiles pays nothing."""
    entry = find("0.20.0")
    objects, _ = adapt(rendered(entry, "manifests", {}), entry)
    assert with_agents(objects, _cluster(tmp_path)) == (objects, [])
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_shares_no_folder() -> None:
    objects = _installed("0.20.0")
    assert with_agents(objects, _cluster(None)) == (objects, [])


class _Found(dict[str, Any]):
    @property
    def metadata(self) -> Any:  # noqa: ANN401 - as lightkube's
        return type("Metadata", (), self["metadata"])


class _Server:
    """An API server with caches, nodes and node groups. A cache goes when its finalizers are gone."""

    def __init__(self, *objects: Object, refusal: ApiError | None = None) -> None:
        self.there = list(objects)
        self.refusal = refusal
        self.deleted: list[str] = []

    def list(self, kind: type, labels: Mapping[str, object] | None = None) -> list[_Found]:
        del labels
        return [_Found(one) for one in self.there if one["kind"] == kind.__name__]

    def delete(self, kind: type, name: str) -> None:
        if self.refusal:
            raise self.refusal
        self.deleted.append(f"{kind.__name__} {name}")
        self._drop_unless_held()

    def patch(self, kind: type, name: str, change: Object, *, patch_type: PatchType) -> None:
        assert patch_type is PatchType.MERGE
        [one] = [one for one in self.there if one["kind"] == kind.__name__ and one["metadata"]["name"] == name]
        if "spec" in change:
            one["spec"] = change["spec"]
        elif change == {"metadata": {"finalizers": None}}:
            one["metadata"].pop("finalizers", None)
        self._drop_unless_held()

    def _drop_unless_held(self) -> None:
        gone = {name.partition(" ")[2] for name in self.deleted}
        self.there = [
            one for one in self.there if one["metadata"].get("finalizers") or one["metadata"]["name"] not in gone
        ]


class _Paper(Cluster):
    server: Any

    def client(self) -> Any:  # noqa: ANN401
        return self.server


def _paper(server: _Server) -> _Paper:
    paper = _Paper("none", "kind", "v1", Path("/nonexistent"), "none", "published", "a test")
    object.__setattr__(paper, "server", server)
    return paper


def _object(kind: str, name: str, **more: object) -> Object:
    metadata = {"name": name, "labels": {RUN_LABEL: "run"}, **more}
    return {"kind": kind, "metadata": metadata, "spec": {}}


def _refusal() -> ApiError:
    request = httpx.Request("DELETE", "http://cluster")
    status = {"code": 403, "message": "LocalModelCache iris is being used by InferenceService s"}
    return ApiError(request=request, response=httpx.Response(403, json=status, request=request))


def test_a_cache_that_is_stuck_on_its_finalizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its controller is gone, or its node group is. The sweep ends, and removes it with its entries on the nodes."""
    monkeypatch.setattr(sweeping, "_LET_GO_S", 0.1)
    node = _object("LocalModelNode", "node")
    node["spec"] = {"localModels": [{"modelName": "iris"}, {"modelName": "theirs"}]}
    cache = _object("LocalModelCache", "iris", finalizers=["localmodel.kserve.io/finalizer"])
    server = _Server(cache, node, _object("LocalModelNodeGroup", "conformance"))
    swept = sweep(_paper(server), "run")
    assert {"LocalModelCache iris", "LocalModelNodeGroup conformance"} <= set(swept)
    assert [one["kind"] for one in server.there] == ["LocalModelNode"]
    assert server.there[0]["spec"]["localModels"] == [{"modelName": "theirs"}]


def test_a_cache_that_its_webhook_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service in a namespace that is going still uses the cache: the sweep waits, but not for ever."""
    monkeypatch.setattr(sweeping, "_LET_GO_S", 0.1)
    server = _Server(_object("LocalModelCache", "iris"), refusal=_refusal())
    assert sweep(_paper(server), "run") == ["LocalModelCache iris"]


def test_groups_outlive_their_caches() -> None:
    """A controller cannot let a cache go after its node group (kserve#6154)."""
    server = _Server(_object("LocalModelCache", "iris"), _object("LocalModelNodeGroup", "conformance"))
    sweep(_paper(server), "run")
    assert server.deleted == ["LocalModelCache iris", "LocalModelNodeGroup conformance"]


def test_a_cluster_without_caches() -> None:
    """KServe before 0.14 has no such kinds, and the API server answers in plain text."""

    class Without(_Server):
        def list(self, kind: type, labels: Mapping[str, object] | None = None) -> list[_Found]:
            if kind.__name__.startswith("LocalModel"):
                request = httpx.Request("GET", "http://cluster")
                response = httpx.Response(404, text="404 page not found", request=request)
                raise httpx.HTTPStatusError("404", request=request, response=response)
            return super().list(kind, labels)

    assert sweep(_paper(Without())) == []
    abandon(Without(), "iris")  # type: ignore[arg-type]
