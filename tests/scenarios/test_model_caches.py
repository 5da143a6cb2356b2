"""The model caches of a test, against an API server that answers from memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from lightkube import ApiError

from clusters.kserve.model_cache import JOBS
from scenarios.cluster import model_caches
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.model_caches import ModelCaches
from scenarios.cluster.waiting import Unsettled

URI = "s3://bucket/iris"


def _refusal(code: int) -> ApiError:
    request = httpx.Request("POST", "http://cluster")
    status = {"code": code, "message": "no", "reason": "no"}
    return ApiError(request=request, response=httpx.Response(code, json=status, request=request))


class _Server:
    """Has no objects but these, by kind, and answers each creation with `answer`."""

    def __init__(self, answer: int = 201, **objects: list[Any]) -> None:
        self.answer, self.objects = answer, objects

    def create(self, made: Any, *, dry_run: bool) -> Any:  # noqa: ANN401
        assert not dry_run
        if self.answer >= 400:
            raise _refusal(self.answer)
        return made

    def get(self, _kind: type, _name: str) -> None:
        raise _refusal(404)

    def list(self, kind: type, **_: object) -> list[Any]:
        return self.objects.get(kind.__name__, [])


def _caches(server: _Server, folder: Path, release: str = "0.20.0") -> ModelCaches:
    api = SimpleNamespace(client=server, run="run", transcript=[], until=lambda holds, *_: holds())
    return ModelCaches(cast("AdmissionClient", api), release, folder)


@pytest.mark.parametrize(
    ("release", "folder"),
    [("0.17.0", "models/cache"), ("0.18.1", "models/e0e31bb04cbf2b63"), ("0.20.0", "models/e0e31bb04cbf2b63")],
)
def test_the_folder_of_a_model(release: str, folder: str, tmp_path: Path) -> None:
    """Its name, or, since 0.18, the digest of its source: two caches of one source share it."""
    assert _caches(_Server(), tmp_path, release).folder_of("cache", URI) == folder


def test_what_is_left_is_named(tmp_path: Path) -> None:
    """Objects and folders of this cache, and no others."""
    entry = {"metadata": {"name": "node"}, "spec": {"localModels": [{"modelName": "cache"}]}}
    other = {"metadata": {"name": "next"}, "spec": {"localModels": [{"modelName": "theirs"}]}}
    volumes = [SimpleNamespace(metadata=SimpleNamespace(name=name)) for name in ("cache-group-download", "cached-x")]
    claims = [
        SimpleNamespace(metadata=SimpleNamespace(name="cache-group", namespace=namespace))
        for namespace in (JOBS, "elsewhere")
    ]
    server = _Server(LocalModelNode=[entry, other], PersistentVolume=volumes, PersistentVolumeClaim=claims)
    caches = _caches(server, tmp_path)
    (tmp_path / caches.folder_of("cache", URI)).mkdir(parents=True)
    assert caches.left("cache", URI) == [
        "folder models/e0e31bb04cbf2b63",
        "entry in LocalModelNode node",
        f"PersistentVolumeClaim {JOBS}/cache-group",
        "PersistentVolume cache-group-download",
    ]


def test_a_job_that_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent is gone, or sees no cache: the test ends in bounded time."""
    monkeypatch.setattr(model_caches, "JOB_S", 0.1)
    with pytest.raises(Unsettled, match="a download job of cache: not after 0 s"):
        _caches(_Server(), tmp_path).job("cache")


@pytest.mark.parametrize("code", [409, 403])
def test_the_node_group_of_a_run(code: int, tmp_path: Path) -> None:
    """Every process of a run creates it. Only the first one succeeds; another refusal is an error."""
    if code == 409:
        _caches(_Server(409), tmp_path)
    else:
        with pytest.raises(ApiError):
            _caches(_Server(code), tmp_path)
