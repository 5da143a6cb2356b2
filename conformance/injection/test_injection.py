"""Injection: what the webhook adds to a pod, what it leaves unchanged, and when it does nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import InjectedPod
from scenarios.cluster.kubernetes import INITIALIZER, INTERNAL, MODEL_SERVER, MODELS, SERVICE_LABEL, container

READONLY = "storage.kserve.io/readonly"
UID = "serving.kserve.io/storage-initializer-uid"
TRANSFORMER = "transformer-container"
WORKER = "worker-container"

URIS = {
    "s3": "s3://bucket/model",
    "gcs": "gs://bucket/model",
    "azure": "https://account.blob.core.windows.net/container/model",
    "https": "https://files.example/model.tar.gz",
    "hf": "hf://owner/model:main",
    "hdfs": "hdfs://model/dir",
    "local": "bucket/bucket/path",
}


@rule("INJECT-001")
@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_one_init_container_downloads_the_model(admission: Admission, uri: str) -> None:
    """The webhook injects for every scheme. The initializer must reject a URI without one."""
    pod = admission.inject(uri)
    assert pod.initializer.args == [uri, MODELS]
    assert pod.init_names == [INITIALIZER]
    assert "command" not in pod.initializer.raw, "the webhook replaced the image's entrypoint"


@rule("INJECT-002")
def test_the_model_server_sees_the_model_read_only(admission: Admission) -> None:
    """The initializer writes to an emptyDir, and the model server reads from it."""
    pod = admission.inject()
    written, read = pod.initializer.mounts[MODELS], pod.model_server.mounts[MODELS]
    assert not written.read_only, "the initializer cannot write the model"
    assert read.read_only, "the model server can change the model"
    assert written.volume == read.volume == "kserve-provision-location"
    assert pod.volumes[read.volume] == {"emptyDir": {}}


@rule("INJECT-003")
@pytest.mark.parametrize("labels", [{}, {"app": "model"}], ids=["no-label", "other-label"])
def test_other_pods_are_not_touched(admission: Admission, labels: Mapping[str, str]) -> None:
    """A pod without the InferenceService label is unchanged, even with the source annotation."""
    pod = admission.inject(labels=labels)
    assert pod.init_names == []
    assert pod.volumes == {}


@rule("INJECT-003")
@pytest.mark.parametrize("value", ["model", "no-such-service", ""])
def test_the_labels_value_does_not_matter(admission: Admission, value: str) -> None:
    """The service that the label names need not exist."""
    assert admission.inject(labels={SERVICE_LABEL: value}).initializer.args[1] == MODELS


@rule("INJECT-004")
def test_nothing_without_a_source(admission: Admission) -> None:
    """The model is in the server's image."""
    pod = admission.inject(None)
    assert pod.init_names == []
    assert pod.volumes == {}
    assert pod.model_server.mounts == {}


@rule("INJECT-005")
@pytest.mark.parametrize("value", ["true", "false", ""])
def test_the_agent_takes_over(admission: Admission, value: str) -> None:
    """The presence of the annotation counts, not its value. Other annotations configure the agent."""
    annotations = {f"{INTERNAL}/{key}": key.lower() for key in ("configVolumeName", "configMountPath", "modelDir")}
    pod = admission.inject(annotations={**annotations, f"{INTERNAL}/agent": value})
    assert INITIALIZER not in pod.init_names


@rule("INJECT-006")
def test_an_init_container_of_that_name_is_left_alone(admission: Admission) -> None:
    """Users try to override the initializer this way."""
    own = container(INITIALIZER, image="registry.example/own:1", args=["own"])
    pod = admission.inject(initContainers=[own])
    assert pod.initializer.image == "registry.example/own:1"
    assert pod.initializer.args == ["own"]


@rule("INJECT-007")
def test_after_the_pods_own_init_containers(admission: Admission) -> None:
    """A network plugin's init container must run first."""
    pod = admission.inject(initContainers=[container("first"), container("second")])
    assert pod.init_names == ["first", "second", INITIALIZER]


@rule("INJECT-008")
@pytest.mark.parametrize("uri", ["s3://bucket/model", "pvc://claim/model"], ids=["download", "claim"])
@pytest.mark.parametrize("beside", [[], [TRANSFORMER]], ids=["alone", "transformer"])
def test_a_second_invocation_changes_nothing(admission: Admission, uri: str, beside: list[str]) -> None:
    """Another webhook changes the pod, so the API server invokes KServe's webhook again."""
    once = admission.inject(uri, containers=[container(), *map(container, beside)])
    assert admission.again(once).spec == once.spec


@rule("INJECT-009")
def test_the_webhook_asks_to_be_invoked_again(admission: Admission) -> None:
    """The webhook handles only CREATE, because the containers of an existing pod cannot change."""
    webhook = admission.pod_webhook()
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert [rule["operations"] for rule in webhook["rules"]] == [["CREATE"]]


@rule("INJECT-010")
def test_a_pod_is_never_made_without_its_webhook(admission: Admission) -> None:
    """Without its model, the model server would crash and not report the reason."""
    webhook = admission.pod_webhook()
    assert webhook["failurePolicy"] == "Fail"
    assert webhook["sideEffects"] in {"None", "NoneOnDryRun"}
    selected = (webhook.get("objectSelector") or {}).get("matchExpressions") or []
    assert {"key": SERVICE_LABEL, "operator": "Exists"} in selected


@rule("INJECT-011")
def test_last_words_become_the_termination_message(admission: Admission) -> None:
    """Users see the pod's status, not the container's log."""
    assert admission.inject().initializer.raw["terminationMessagePolicy"] == "FallbackToLogsOnError"


@rule("INJECT-012")
def test_a_transformer_sees_the_model(admission: Admission) -> None:
    """The predictor and the transformer share one pod."""
    pod = admission.inject(containers=[container(), container(TRANSFORMER)])
    assert pod.container(TRANSFORMER).mounts == pod.model_server.mounts
    assert pod.container(TRANSFORMER).mounts[MODELS].read_only


@rule("INJECT-013")
def test_a_worker_gets_the_model(admission: Admission) -> None:
    """The model server runs on several nodes, and this pod is a worker."""
    pod = admission.inject(containers=[container(WORKER)])
    assert pod.container(WORKER).mounts[MODELS].volume == pod.initializer.mounts[MODELS].volume


@rule("INJECT-014")
def test_no_container_to_serve(admission: Admission) -> None:
    """The model server's container has another name."""
    admission.assert_words(admission.refusal(containers=[container("server")]), "container")


@rule("INJECT-015")
@pytest.mark.parametrize(
    ("value", "expected"), [("s3://bucket/model", MODELS), ("", "")], ids=["uri", "empty"]
)  # fmt: skip
def test_storage_uri_becomes_the_path(admission: Admission, value: str, expected: str) -> None:
    """Custom predictors name their model in this variable."""
    pod = admission.inject(containers=[container(env={"STORAGE_URI": value, "OTHER": "s3://bucket/model"})])
    environment = pod.model_server.environment
    assert environment["STORAGE_URI"] == expected
    assert environment["OTHER"] == "s3://bucket/model"


@rule("INJECT-016")
def test_the_model_server_is_left_as_it_was(admission: Admission) -> None:
    """The webhook changes only the mounts of the model server."""
    server = container(
        command=["serve"],
        args=["--port=8080"],
        env={"A": "b"},
        resources={"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}},
        securityContext={"runAsUser": 1234},
    )
    after = admission.inject(containers=[server]).model_server.raw
    assert {key: after[key] for key in server} == server


def _with_uid(admission: Admission, uid: str, security: dict[str, Any] | None) -> InjectedPod:
    server = container(securityContext=security) if security else container()
    return admission.inject(annotations={UID: uid}, containers=[server])


@rule("INJECT-017")
@pytest.mark.parametrize("security", [None, {"runAsUser": 1234}], ids=["plain", "server-has-user"])
def test_the_user_can_be_chosen(admission: Admission, security: dict[str, Any] | None) -> None:
    """Before a mesh's proxy runs, only one user has network access."""
    assert _with_uid(admission, "1501", security).initializer.security["runAsUser"] == 1501


@rule("INJECT-018")
@pytest.mark.parametrize("uid", ["root", "", "15.5"], ids=["name", "empty", "fraction"])
def test_a_user_that_is_no_number(admission: Admission, uid: str) -> None:
    """The webhook ignores an invalid user ID, and still injects the initializer."""
    assert "runAsUser" not in _with_uid(admission, uid, None).initializer.security


def _mesh(mode: str = "REDIRECT", status: object = None) -> dict[str, str]:
    return {
        "sidecar.istio.io/interceptionMode": mode,
        "sidecar.istio.io/status": json.dumps(status or {"containers": ["istio-proxy"]}),
    }


@rule("INJECT-019")
@pytest.mark.parametrize(
    ("security", "uid"), [({"runAsUser": 2337}, 2337), ({}, 1337)], ids=["sidecar-has-user", "none"]
)
def test_in_a_mesh(admission: Admission, security: dict[str, Any], uid: int) -> None:
    """The mesh does not redirect the traffic of the sidecar's user, and the sidecar does not run yet."""
    sidecar = container("istio-proxy", securityContext=security)
    pod = admission.inject(annotations=_mesh(), containers=[container(), sidecar])
    assert pod.initializer.security["runAsUser"] == uid


@rule("INJECT-020")
@pytest.mark.parametrize("situation", ["istio-init", "tproxy", "none", "no-sidecar"])
def test_without_a_redirection_the_user_stays(admission: Admission, situation: str) -> None:
    """Init containers have network access, so the user need not change."""
    mode = {"tproxy": "TPROXY", "none": "NONE"}.get(situation, "REDIRECT")
    first = [container("istio-init")] if situation == "istio-init" else []
    status: object = {"containers": []} if situation == "no-sidecar" else None
    sidecar = container("istio-proxy", securityContext={"runAsUser": 2337})
    pod = admission.inject(annotations=_mesh(mode, status), containers=[container(), sidecar], initContainers=first)
    assert "runAsUser" not in pod.initializer.security


@rule("INJECT-021")
def test_a_native_sidecar(admission: Admission) -> None:
    """On Kubernetes with native sidecars, Istio's sidecar is an init container that keeps running."""
    sidecar = container("istio-proxy", restartPolicy="Always", securityContext={"runAsUser": 2337})
    status = {"initContainers": ["istio-validation", "istio-proxy"], "containers": []}
    pod = admission.inject(annotations=_mesh(status=status), initContainers=[sidecar])
    assert pod.initializer.security.get("runAsUser") == 2337


@rule("INJECT-022")
@pytest.mark.parametrize("status", [["istio-proxy"], {"containers": [1]}], ids=["list", "number-for-name"])
def test_a_mesh_that_is_not_understood(admission: Admission, status: object) -> None:
    """Another version of the mesh, or a user, wrote the annotation."""
    pod = admission.api.pod("s3://bucket/model", annotations=_mesh(status=status))
    refusal = admission.api.submit(pod).refusal
    assert not refusal or "istio" in refusal, f"the refusal does not name the annotation: {refusal}"


@rule("INJECT-023")
def test_security_settings_are_not_taken_over(admission: Admission) -> None:
    """The model server's user may be unable to write the volume, or have rights that a download does not need."""
    plain = admission.inject().initializer.security
    security = {"runAsUser": 1234, "runAsNonRoot": False}
    assert admission.inject(containers=[container(securityContext=security)]).initializer.security == plain


@rule("INJECT-024")
@pytest.mark.parametrize("name", [MODEL_SERVER, TRANSFORMER], ids=["model-server", "transformer"])
def test_a_writable_model(admission: Admission, name: str) -> None:
    """The runtime converts the model in place."""
    pod = admission.inject(annotations={READONLY: "false"}, containers=[container(), container(TRANSFORMER)])
    assert not pod.container(name).mounts[MODELS].read_only


@rule("INJECT-025")
@pytest.mark.parametrize(
    "annotations",
    [
        *[{READONLY: value} for value in ("true", "False", "0", "no", "")],
        *[{key: "false"} for key in ("storage.kserve.io/readyonly", "serving.kserve.io/readonly")],
    ],
    ids=["true", "False", "0", "no", "empty", "misspelt", "other-prefix"],
)
def test_other_values_leave_it_read_only(admission: Admission, annotations: dict[str, str]) -> None:
    """An unknown value must not make the model writable."""
    pod = admission.inject(annotations=annotations)
    assert pod.model_server.mounts[MODELS].read_only
    assert not pod.initializer.mounts[MODELS].read_only


@rule("INJECT-026")
@pytest.mark.parametrize("uri", ["hf://owner/model", "s3://bucket/model"], ids=["hf", "s3"])
def test_the_hubs_client_is_set_up(admission: Admission, uri: str) -> None:
    """KServe sets the variables for other stores too, because a storage container may delegate to the hub."""
    environment = admission.inject(uri).initializer.environment
    wanted = {
        "HF_HUB_ENABLE_HF_TRANSFER": "1",
        "HF_XET_HIGH_PERFORMANCE": "1",
        "HF_XET_NUM_CONCURRENT_RANGE_GETS": "8",
    }
    assert {name: environment.get(name) for name in wanted} == wanted


@rule("INJECT-027")
def test_pull_secrets_stay(admission: Admission) -> None:
    """The kubelet pulls the initializer's image with the pull secrets of the pod."""
    pod = admission.inject(imagePullSecrets=[{"name": "registry"}])
    assert pod.spec["imagePullSecrets"] == [{"name": "registry"}]


@rule("INJECT-028")
def test_confidential_models(admission: Admission) -> None:
    """The initializer of a confidential service requests the key of this resource."""
    annotations = {f"{INTERNAL}/confidential-enabled": "true", f"{INTERNAL}/confidential-resource-id": "kbs:///key"}
    environment = admission.inject(annotations=annotations).initializer.environment
    assert environment["CONFIDENTIAL_ENABLED"] == "true"
    assert environment["CONFIDENTIAL_RESOURCE_ID"] == "kbs:///key"
