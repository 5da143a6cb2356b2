"""TrainedModels without a cluster: their list, and one that KServe does not let go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from lightkube.resources.core_v1 import ConfigMap

from scenarios.cluster import trained_models
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.trained_models import TrainedModels


class _ApiServer:
    """It has one TrainedModel with a finalizer, and one ConfigMap."""

    def __init__(self, data: dict[str, str] | None = None) -> None:
        self._found = [ConfigMap(data=data)]
        self.changes: list[object] = []

    def get(self, *_: object, **__: object) -> dict[str, object]:
        return {"metadata": {"name": "model"}}

    def list(self, *_: object, **__: object) -> list[ConfigMap]:
        return self._found

    def delete(self, *_: object, **__: object) -> None:
        """Keep the TrainedModel: nobody removes its finalizer."""

    def patch(self, _kind: object, _name: str, change: object, **_: object) -> dict[str, object]:
        self.changes.append(change)
        return {}


def _models(server: _ApiServer) -> TrainedModels:
    api = object.__new__(AdmissionClient)
    api.client = cast("Any", server)
    api._run_namespace = cast("Any", SimpleNamespace(namespace="ns", run="run"))
    return TrainedModels(api)


def test_a_finalizer_that_kserve_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The namespace could not end."""
    monkeypatch.setattr(trained_models, "HANDLED_WITHIN_S", 0.1)
    server = _ApiServer()
    models = _models(server)
    models._made.append("model")
    models.leave()
    assert server.changes == [{"metadata": {"finalizers": None}}]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"models.json": '[{"modelName": "a", "modelSpec": {"memory": "1Gi"}}]'}, {"a"}),
        ({"models.json": ""}, set()),
        (None, set()),
    ],
    ids=["one", "empty", "no-key"],
)
def test_the_list_of_models(data: dict[str, str] | None, names: set[str]) -> None:
    """The controller creates the ConfigMap before the first TrainedModel."""
    assert set(_models(_ApiServer(data)).listed("service") or {}) == names
