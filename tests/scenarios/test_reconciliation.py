"""What the controller made of a service, without a cluster: its Deployments and reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lightkube import codecs

from scenarios.cluster import kubernetes
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.kubernetes import SERVICE_LABEL, Object
from scenarios.cluster.reconciliation import Reconciled, Reconciliation, _without_pods

FALSE = {"type": "Ready", "status": "False", "message": "no runtime"}
TRUE = {"type": "IngressReady", "status": "True", "message": "fine"}


@pytest.mark.parametrize(
    ("status", "reasons"),
    [
        ({"conditions": [FALSE, TRUE]}, ["no runtime"]),
        ({"modelStatus": {"lastFailureInfo": {"message": "no such runtime"}}}, ["no such runtime"]),
        ({"conditions": [{**FALSE, "message": ""}]}, []),
        ({}, []),
    ],
    ids=["condition", "failure", "mute", "nothing"],
)
def test_reasons_of_a_status(status: Object, reasons: list[str]) -> None:
    """Conditions that are True give no reason."""
    assert Reconciled(status=json.dumps(status)).reasons == reasons


class _ApiServer:
    """It has a history of Deployments that ends with the newest one created."""

    def __init__(self, *changes: tuple[str, str]) -> None:
        self._changes = list(changes)

    def create(self, one: Any, **_: object) -> Any:  # noqa: ANN401 - an object of lightkube
        self._changes.append(("ADDED", one.metadata.name))
        return one

    def watch(self, *_: object, **__: object) -> Iterator[tuple[str, object]]:
        for change, name in self._changes:
            manifest = _without_pods(name)
            manifest["metadata"] |= {"namespace": "ns", "labels": {SERVICE_LABEL: name.partition("-p")[0]}}
            yield change, codecs.from_dict(manifest)
        raise AssertionError("the watch goes on behind the mark")


def _api(server: _ApiServer) -> AdmissionClient:
    api = object.__new__(AdmissionClient)
    api.client = cast("Any", server)
    api.cluster = cast("Any", SimpleNamespace(provider="kind"))
    api._run_namespace = cast("Any", SimpleNamespace(namespace="ns", run="run"))
    api.token, api.transcript, api._made = "x1", [], []
    return api


def test_a_deployment_that_is_gone_again_is_seen() -> None:
    """Nobody saw it in a list. Deployments of other services do not count."""
    changes = [
        ("ADDED", "s-predictor"),
        ("ADDED", "s-predictor-worker"),
        ("DELETED", "s-predictor-worker"),
        ("DELETED", "other-predictor"),
    ]
    pods, gone = Reconciliation(_api(_ApiServer(*changes)))._history("s", "1")
    assert list(pods) == ["predictor", "predictor-worker"]
    assert gone == ["predictor-worker"]
    assert pods["predictor"]["spec"]["containers"] == [kubernetes.container()]
