"""Volume claims: how KServe mounts a claim at `/mnt/models`, and which containers may write to it."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import InjectedPod
from conformance.injection.test_injection import READONLY, TRANSFORMER, WORKER
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import MODEL_SERVER, MODELS, container, secret, service_account

VOLUME = "kserve-pvc-source"


def _is_direct(pod: InjectedPod, path: str) -> bool:
    mount = pod.model_server.mounts[MODELS]
    claimed = {"persistentVolumeClaim": {"claimName": "claim"}}
    return (mount.volume, mount.sub_path) == (VOLUME, path) and pod.volumes == {VOLUME: claimed} and not pod.init_names


@rule("PVC-001")
@pytest.mark.parametrize(
    ("uri", "path"),
    [("pvc://claim", ""), ("pvc://claim/", ""), ("pvc://claim/model", "model"), ("pvc://claim/a/b/c", "a/b/c")],
    ids=["root", "root-slash", "folder", "deep"],
)
def test_a_claim_is_mounted_without_a_download(admission: Admission, uri: str, path: str) -> None:
    """The model server reads the volume directly, at the URI's path."""
    assert _is_direct(admission.inject(uri), path)


@rule("PVC-002")
def test_direct_by_configuration(admission: Admission, kserve_config: Configuration) -> None:
    """The ConfigMap enables the behaviour of later releases."""
    kserve_config.change(storageInitializer={"enableDirectPvcVolumeMount": True})
    assert _is_direct(admission.inject("pvc://claim/a/b"), "a/b")


@rule("PVC-002")
def test_linked_by_configuration(admission: Admission, kserve_config: Configuration) -> None:
    """The initializer creates links into the claim, so KServe mounts the claim in both containers."""
    kserve_config.change(storageInitializer={"enableDirectPvcVolumeMount": False})
    pod = admission.inject("pvc://claim/a/b")
    assert pod.initializer.args == ["/mnt/pvc/a/b", MODELS]
    for one in (pod.initializer, pod.model_server):
        assert one.mounts["/mnt/pvc"].volume == VOLUME
        assert one.mounts["/mnt/pvc"].read_only
    assert not pod.initializer.mounts[MODELS].read_only


@rule("PVC-003")
@pytest.mark.parametrize("value", [False, True], ids=["false", "true"])
def test_the_setting_is_ignored(admission: Admission, kserve_config: Configuration, *, value: bool) -> None:
    """The ConfigMap still has a setting from before an upgrade."""
    kserve_config.change(storageInitializer={"enableDirectPvcVolumeMount": value})
    assert _is_direct(admission.inject("pvc://claim/a/b"), "a/b")


@rule("PVC-004")
@pytest.mark.parametrize("value", [None, "true", "False", "0", "no"], ids=["absent", "true", "False", "0", "no"])
def test_a_claim_is_read_only(admission: Admission, value: str | None) -> None:
    """Many servers read one claim, and none may change it by mistake."""
    pod = admission.inject("pvc://claim/model", annotations={} if value is None else {READONLY: value})
    mounts = [mount for mount in pod.model_server.mounts.values() if mount.volume == VOLUME]
    assert mounts
    assert all(mount.read_only for mount in mounts)


@rule("PVC-005")
@pytest.mark.parametrize("name", [MODEL_SERVER, TRANSFORMER], ids=["model-server", "transformer"])
def test_a_writable_claim(admission: Admission, name: str) -> None:
    """The server stores compiled files next to the model."""
    pod = admission.inject(
        "pvc://claim/model", annotations={READONLY: "false"}, containers=[container(), container(TRANSFORMER)]
    )
    assert not pod.container(name).mounts[MODELS].read_only


@rule("PVC-006")
def test_a_transformer_sees_the_claim(admission: Admission) -> None:
    """The predictor and the transformer share one pod."""
    pod = admission.inject("pvc://claim/a/b", containers=[container(), container(TRANSFORMER)])
    assert pod.container(TRANSFORMER).mounts == pod.model_server.mounts
    assert pod.model_server.mounts[MODELS].sub_path == "a/b"


@rule("PVC-007")
def test_a_claim_needs_no_credentials(admission: Admission) -> None:
    """The ServiceAccount has keys for other models."""
    keys, account = admission.name("keys"), admission.name("account")
    admission.create(secret(keys, {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}))
    admission.create(service_account(account, [keys]))
    pod = admission.inject("pvc://claim/model", serviceAccountName=account)
    assert pod.model_server.variables == []
    assert set(pod.volumes) == {VOLUME}


@rule("PVC-008")
def test_a_worker_sees_the_claim(admission: Admission) -> None:
    """The model server runs on several nodes, and this pod is a worker."""
    pod = admission.inject("pvc://claim/model", containers=[container(WORKER)])
    mount = pod.container(WORKER).mounts[MODELS]
    assert (mount.volume, mount.sub_path) == (VOLUME, "model")


@rule("PVC-009")
def test_storage_uri_of_a_claim(admission: Admission) -> None:
    """Custom predictors read this variable."""
    pod = admission.inject("pvc://claim/model", containers=[container(env={"STORAGE_URI": "pvc://claim/model"})])
    assert pod.model_server.environment["STORAGE_URI"] == MODELS


@rule("PVC-010")
@pytest.mark.parametrize("uri", ["pvc://", "pvc:///model"], ids=["nothing", "path-only"])
def test_a_claim_without_a_name(admission: Admission, uri: str) -> None:
    """The manifest has a typo."""
    assert "claimName" in admission.refusal(uri)
