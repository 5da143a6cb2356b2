"""Models over several nodes: what KServe's controller makes of an InferenceService with a worker."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.exceptions import RuleViolation
from conformance.api.pod import InjectedPod
from conformance.injection.test_injection import WORKER
from conformance.injection.test_modelcars import modelcars  # noqa: F401 -- a fixture
from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER, MODELS, container, serving_runtime
from scenarios.cluster.reconciliation import Reconciled, Reconciliation

HEAD, WORKERS = "predictor", "predictor-worker"
BOTH = (HEAD, WORKERS)
#: Deployment -> the container of its pods that uses the model.
USER = {HEAD: MODEL_SERVER, WORKERS: WORKER}
each_part = pytest.mark.parametrize("part", BOTH, ids=["head", "worker"])


def _reconciled(admission: Admission, reconciliation: Reconciliation, **model: object) -> Reconciled:
    """Return the outcome of an InferenceService on two nodes. Raises RuleViolation when KServe refuses it."""
    runtime = admission.name("runtime")
    worker = {"pipelineParallelSize": 2, "tensorParallelSize": 1, "containers": [container(WORKER)]}
    admission.create(serving_runtime(runtime, workerSpec=worker))
    return reconciliation.outcome(model, {"workerSpec": {}}, BOTH, runtime=runtime)


def _pod(admission: Admission, outcome: Reconciled, part: str) -> InjectedPod:
    """Return the admitted pod of a Deployment. Raises RuleViolation when there was no such Deployment."""
    if part not in outcome.pods:
        seen = ", ".join(outcome.pods) or "none"
        raise RuleViolation(f"the controller created no Deployment {part} (Deployments: {seen}) {outcome.refusal}")
    return admission.admitted(outcome.pods[part])


@rule("NODES-001")
@each_part
def test_a_model_on_a_claim(admission: Admission, reconciliation: Reconciliation, part: str) -> None:
    """All nodes mount the same ReadWriteMany claim."""
    outcome = _reconciled(admission, reconciliation, storageUri="pvc://claim/iris/v1")
    pod = _pod(admission, outcome, part)
    mount = pod.container(USER[part]).mounts[MODELS]
    assert pod.volumes[mount.volume]["persistentVolumeClaim"]["claimName"] == "claim"
    assert mount.sub_path == "iris/v1"
    assert INITIALIZER not in pod.init_names


@rule("NODES-002")
@each_part
@pytest.mark.usefixtures("modelcars")
def test_a_model_in_an_image(admission: Admission, reconciliation: Reconciliation, part: str) -> None:
    """Each node runs the image of the model."""
    outcome = _reconciled(admission, reconciliation, storageUri="oci://registry.example/model:1")
    pod = _pod(admission, outcome, part)
    car = pod.container("modelcar")
    assert car.image == "registry.example/model:1"
    assert pod.container(USER[part]).mounts["/mnt"].volume == car.mounts["/mnt"].volume
    assert pod.spec["shareProcessNamespace"] is True


@rule("NODES-003")
@each_part
def test_the_deployments_stay(admission: Admission, reconciliation: Reconciliation, part: str) -> None:
    """The controller cleans up Deployments of earlier versions of the service."""
    outcome = _reconciled(admission, reconciliation, storageUri="pvc://claim/model")
    assert part in outcome.pods, f"the controller created no Deployment {part}"
    assert part not in outcome.gone, f"the controller deleted Deployment {part} of a service that still exists"


@rule("NODES-004")
@pytest.mark.parametrize("chosen", [False, True], ids=["named", "chosen"])
def test_a_runtime_without_a_worker(admission: Admission, reconciliation: Reconciliation, *, chosen: bool) -> None:
    """The runtime is for one node. The user names it, or leaves the choice to KServe."""
    name = admission.name("runtime")
    admission.create(serving_runtime(name, supportedModelFormats=[{"name": name, "autoSelect": True}]))
    model = {"modelFormat": {"name": name}, "storageUri": "pvc://claim/model"}
    outcome = reconciliation.outcome(
        {**model, "runtime": None if chosen else name}, {"workerSpec": {}}, (), runtime=name
    )
    told = [reason for reason in outcome.reasons if "untime" in reason]
    assert told, f"no False condition and no failure names the runtime: {outcome.status}"


@rule("NODES-005")
@pytest.mark.parametrize("field", ["storageUris", "none"])
def test_without_a_single_uri(admission: Admission, field: str) -> None:
    """The user has a base model and an adapter, or the model is in the server's image."""
    uris = {"storageUris": [{"uri": "pvc://claim/base"}]} if field == "storageUris" else {}
    refusal = admission.service_refusal(predictor={"workerSpec": {}, **uris})
    admission.assert_words(refusal, "storageUri")
