"""The admission route without a cluster: how pods are read, and how a missing injection is explained."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lightkube.models.core_v1 import ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event

from conformance.api.admission import _of_the_pod, _selector
from conformance.api.exceptions import RuleViolation
from conformance.api.pod import TOKEN, InjectedPod
from scenarios.cluster import kubernetes
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.kubernetes import INTERNAL, MODE, Object
from scenarios.cluster.waiting import Unsettled, wait
from scenarios.locks import SharedLock, Slot

EXCLUDING = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}


def _pod(
    uri: str | None = "s3://bucket/model",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: object,
) -> Object:
    server = [kubernetes.container()]
    return kubernetes.pod(uri, namespace="ns", annotations=annotations or {}, labels=labels, containers=server, **spec)


def _injected(*init: Object) -> InjectedPod:
    return InjectedPod(_pod(initContainers=list(init)), lambda: "because")


def test_the_initializer_is_the_one_container_of_its_name() -> None:
    initializer = kubernetes.container("storage-initializer", args=["a", "b"])
    assert _injected(kubernetes.container("other"), initializer).initializer.args == ["a", "b"]


def test_a_missing_initializer_is_explained() -> None:
    """The failure says why nothing was injected."""
    with pytest.raises(RuleViolation, match="because"):
        _ = _injected(kubernetes.container("other")).initializer


def test_two_initializers_are_one_too_many() -> None:
    with pytest.raises(RuleViolation, match="2 init containers"):
        _ = _injected(*[kubernetes.container("storage-initializer")] * 2).initializer


def test_variables_and_references_are_told_apart() -> None:
    """A value that stands in the pod, and one that is in a Secret."""
    reference = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}
    env = [{"name": "PLAIN", "value": "x"}, reference]
    initializer = _injected(kubernetes.container("storage-initializer", env=env)).initializer
    assert initializer.environment == {"PLAIN": "x"}
    assert initializer.references == {"KEY": ("keys", "k")}
    assert initializer.variables == ["PLAIN", "KEY"]


def test_the_token_of_kubernetes_is_no_mount_of_kserve() -> None:
    mounts = [{"name": "kube-api-access-x", "mountPath": TOKEN, "readOnly": True}]
    assert _injected(kubernetes.container("storage-initializer", volumeMounts=mounts)).initializer.mounts == {}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (_pod(labels={}), "lacks the label"),
        (_pod(None), "lacks the annotation"),
        (_pod(annotations={f"{INTERNAL}/agent": ""}), "makes the agent download the model"),
        (_pod(initContainers=[{"name": "storage-initializer"}]), "had an init container"),
        (_pod("pvc://claim"), "volume claim"),
        (_pod("oci://image"), "image"),
        (_pod(), "unknown"),
    ],
    ids=["label", "annotation", "agent", "initializer", "claim", "image", "unknown"],
)
def test_why_a_pod_is_left_alone(manifest: Object, reason: str) -> None:
    assert reason in _of_the_pod(manifest)


@pytest.mark.parametrize(
    ("selector", "labels", "unmet"),
    [
        (None, {}, []),
        (EXCLUDING, {"team": "a"}, []),
        (EXCLUDING, {"control-plane": ""}, ["it has the label control-plane="]),
        ({"matchLabels": {"team": "a"}}, {"team": "b"}, ["label team is not a"]),
        ({"matchExpressions": [{"key": "t", "operator": "In", "values": ["a"]}]}, {}, ["it has no label t"]),
        (
            {"matchExpressions": [{"key": "t", "operator": "NotIn", "values": ["a"]}]},
            {"t": "a"},
            ["it has the label t=a"],
        ),
    ],
    ids=["none", "held", "excluded", "label", "in", "not-in"],
)
def test_what_of_a_selector_does_not_hold(
    selector: Mapping[str, object] | None, labels: dict[str, str], unmet: list[str]
) -> None:
    found = _selector(selector, labels)
    assert len(found) == len(unmet)
    assert all(start in text for start, text in zip(unmet, found, strict=True))


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("InternalError", "no runtime found", "no runtime found"),
        ("InternalError", 'services "x": the object has been modified; please apply your changes', ""),
        ("UpdateFailed", "no runtime found", ""),
        ("InternalError", None, ""),
    ],
    ids=["refused", "tried-again", "another-event", "mute"],
)
def test_a_complaint_of_the_controller(reason: str, message: str | None, said: str) -> None:
    about = ObjectReference(name="service")
    assert kubernetes.complaint(Event(about, ObjectMeta(), reason=reason, message=message)) == said


def test_waiting_gives_up_with_the_last_state() -> None:
    with pytest.raises(Unsettled, match="a change: not after 0 s; last seen: nothing"):
        wait(lambda: None, "a change", lambda: "nothing", seconds=0.1)


def test_who_wants_it_alone_is_not_overtaken(tmp_path: Path) -> None:
    """A reader has the lock, a writer waits for it, and another reader comes after the writer."""
    events: Queue[str] = Queue()

    def use(name: str, *, alone: bool) -> None:
        lock = SharedLock(tmp_path / "lock")
        with lock.alone() if alone else lock.shared():
            events.put(f"{name} has it")
            time.sleep(0.1)
            events.put(f"{name} leaves")

    with ThreadPoolExecutor(2) as threads:
        with SharedLock(tmp_path / "lock").shared():
            threads.submit(use, "writer", alone=True)
            _until_waiting(tmp_path / "lock.turnstile")
            threads.submit(use, "reader", alone=False)
        seen = [events.get(timeout=10) for _ in range(4)]
    assert seen == ["writer has it", "writer leaves", "reader has it", "reader leaves"]


def _until_waiting(turnstile: Path) -> None:
    """Until somebody stands in the turnstile."""

    def taken() -> bool | None:
        with turnstile.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return None

    wait(taken, "somebody in the turnstile", seconds=10)


def test_places_are_few(tmp_path: Path) -> None:
    """Two of three have one at once; the third follows as soon as one is free."""
    inside: list[int] = []
    most = 0

    def use(_: int) -> None:
        nonlocal most
        with Slot(tmp_path / "lock", 2):
            inside.append(1)
            most = max(most, len(inside))
            time.sleep(0.2)
            inside.pop()

    began = time.monotonic()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(use, range(3)))
    assert most == 2
    assert 0.4 <= time.monotonic() - began < 5


def test_many_share_it(tmp_path: Path) -> None:
    with SharedLock(tmp_path / "lock").shared(), SharedLock(tmp_path / "lock").shared():
        pass


@pytest.mark.parametrize(
    ("status", "annotations", "mode"),
    [
        ({"deploymentMode": "Standard"}, {MODE: "RawDeployment"}, "Standard"),
        ({}, {MODE: "RawDeployment"}, "RawDeployment"),
        ({}, None, ""),
    ],
    ids=["status", "annotation", "neither"],
)
def test_the_mode_of_a_service(status: Object, annotations: Object | None, mode: str) -> None:
    """KServe's status counts, because it names the mode in the release's own words."""
    api = object.__new__(AdmissionClient)
    service = {"metadata": {"annotations": annotations}, "status": status}
    api.client = cast("Any", SimpleNamespace(get=lambda *_, **__: service))
    api._run_namespace, api.mode = cast("Any", SimpleNamespace(namespace="ns")), ""
    assert json.loads(api.status("service")) == status
    assert api.mode == mode
