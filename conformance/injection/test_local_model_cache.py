"""Local model cache: pods of a cached model read the node's copy."""

from __future__ import annotations

import hashlib

import pytest
from packaging.version import Version

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import InjectedPod
from scenarios.cluster.kubernetes import INTERNAL, MODELS, SERVICE_LABEL

SOURCE = "s3://bucket/iris"
LABELS = {SERVICE_LABEL: "model", f"{INTERNAL}/localmodel": "iris"}
ANNOTATIONS = {f"{INTERNAL}/localmodel-sourceuri": SOURCE, f"{INTERNAL}/localmodel-pvc-name": "cache"}


def _cached(admission: Admission, uri: str) -> InjectedPod:
    return admission.inject(uri, labels=LABELS, annotations=ANNOTATIONS)


def _folder(admission: Admission) -> str:
    """Return the folder of the model in a node's cache."""
    by_name = Version(admission.release) < Version("0.18")
    return "models/iris" if by_name else f"models/{hashlib.sha256(SOURCE.encode()).hexdigest()[:16]}"


@rule("CACHE-001")
def test_a_cached_model(admission: Admission) -> None:
    """The service's URI is the source of the cached model."""
    pod = _cached(admission, SOURCE)
    mount = pod.model_server.mounts[MODELS]
    assert pod.volumes[mount.volume] == {"persistentVolumeClaim": {"claimName": "cache"}}
    assert mount.sub_path.rstrip("/") == _folder(admission)


@rule("CACHE-002")
@pytest.mark.parametrize("below", ["v1", "v1/onnx"], ids=["one-level", "two-levels"])
def test_a_path_below_the_source(admission: Admission, below: str) -> None:
    """The cache holds all versions, and the service uses one."""
    pod = _cached(admission, f"{SOURCE}/{below}")
    assert pod.model_server.mounts[MODELS].sub_path == f"{_folder(admission)}/{below}"


@rule("CACHE-003")
def test_not_downloaded_again(admission: Admission) -> None:
    """The pod of a cached model has no download."""
    pod = _cached(admission, SOURCE)
    assert pod.init_names == []
    assert not any("emptyDir" in source for source in pod.volumes.values())
    assert pod.model_server.mounts[MODELS].read_only


@rule("CACHE-004")
def test_a_cached_model_without_a_claim(admission: Admission) -> None:
    """A user set the label by hand."""
    refusal = admission.refusal(SOURCE, labels=LABELS, annotations={f"{INTERNAL}/localmodel-sourceuri": SOURCE})
    admission.assert_words(refusal, "localmodel-pvc-name")
