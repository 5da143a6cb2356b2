"""TrainedModels: the agent that fetches them beside the model server, and the list that it reads."""

from __future__ import annotations

import json

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import InjectedPod
from conformance.api.secrets_in_cluster import S3, new_account, new_secret
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import AGENT, INITIALIZER, INTERNAL, MODELS, container
from scenarios.cluster.trained_models import TrainedModels, config_map_of

CONFIGS = "/mnt/configs"
#: The annotations with which the controller asks the webhook for an agent.
ANNOTATIONS = {
    f"{INTERNAL}/agent": "true",
    f"{INTERNAL}/configVolumeName": "modelconfig-service-0",
    f"{INTERNAL}/configMountPath": CONFIGS,
    f"{INTERNAL}/modelDir": MODELS,
}
URI = "s3://bucket/iris"


def _with_agent(admission: Admission, **pod: object) -> InjectedPod:
    return admission.inject(None, annotations=ANNOTATIONS, **pod)


@rule("AGENT-001")
def test_a_service_without_a_model(admission: Admission, trained_models: TrainedModels) -> None:
    """Its models come as TrainedModels."""
    service = trained_models.service(ready=False)
    pod = admission.admitted(trained_models.template(service))
    volume = pod.volumes[pod.container(AGENT).mounts[CONFIGS].volume]
    assert volume["configMap"]["name"] == config_map_of(service)
    assert INITIALIZER not in pod.init_names
    assert trained_models.listed(service) == {}, f"the controller created no ConfigMap {config_map_of(service)}"


@rule("AGENT-002")
def test_the_arguments_of_the_agent(admission: Admission) -> None:
    """The server listens on a port of its own, to which the agent reports each model."""
    server = container(ports=[{"containerPort": 9000}])
    pod = _with_agent(admission, containers=[server])
    wanted = ["--enable-puller", "--config-dir", CONFIGS, "--model-dir", MODELS, "--component-port", "9000"]
    assert pod.container(AGENT).args == wanted


@rule("AGENT-002")
def test_a_second_invocation_adds_no_agent(admission: Admission) -> None:
    """Another webhook changes the pod, so the API server invokes KServe's webhook again."""
    once = _with_agent(admission)
    assert [one.name for one in admission.again(once).containers] == [one.name for one in once.containers]


@rule("AGENT-003")
def test_the_models_are_shared(admission: Admission) -> None:
    """The agent unpacks a model, and the server loads it."""
    pod = _with_agent(admission)
    written, read = pod.container(AGENT).mounts[MODELS], pod.model_server.mounts[MODELS]
    assert written.volume == read.volume
    assert pod.volumes[written.volume] == {"emptyDir": {}}
    assert not written.read_only


@rule("AGENT-003")
def test_the_list_is_for_the_agent(admission: Admission) -> None:
    """The list has the URIs of all models."""
    pod = _with_agent(admission)
    volume = pod.volumes[pod.container(AGENT).mounts[CONFIGS].volume]
    assert volume["configMap"]["name"] == "modelconfig-service-0"
    assert CONFIGS not in pod.model_server.mounts


@rule("AGENT-004")
def test_credentials_of_the_agent(admission: Admission) -> None:
    """The bucket is private, and the server has no access to it."""
    name = new_secret(admission, S3)
    pod = _with_agent(admission, serviceAccountName=new_account(admission, [name]))
    assert pod.container(AGENT).references == {key: (name, key) for key in S3}
    assert pod.model_server.variables == []
    assert "canary" not in json.dumps(pod.spec), "the pod contains values of the Secret"


@rule("AGENT-005")
def test_image_and_resources_of_the_agent(admission: Admission, kserve_config: Configuration) -> None:
    """The image comes from a mirror, and the models are large."""
    quantities = {"memoryRequest": "300Mi", "memoryLimit": "3Gi", "cpuRequest": "250m", "cpuLimit": "3"}
    kserve_config.change(agent={"image": "registry.example/agent:v9", **quantities})
    agent = _with_agent(admission).container(AGENT)
    assert agent.image == "registry.example/agent:v9"
    assert agent.requests == {"memory": "300Mi", "cpu": "250m"}
    assert agent.limits == {"memory": "3Gi", "cpu": "3"}


@rule("AGENT-006")
def test_the_ca_bundle_of_the_agent(admission: Admission, kserve_config: Configuration) -> None:
    """The company's MinIO has a private authority."""
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})
    pod = _with_agent(admission)
    agent = pod.container(AGENT)
    path = agent.environment["CA_BUNDLE_VOLUME_MOUNT_POINT"]
    assert pod.volumes[agent.mounts[path].volume]["configMap"]["name"] == "global-ca-bundle"


@rule("AGENT-007")
@pytest.mark.parametrize("uri", ["pvc://claim/model", "hf://owner/model", "bucket/model"], ids=["pvc", "hf", "path"])
def test_a_scheme_that_the_agent_does_not_know(admission: Admission, trained_models: TrainedModels, uri: str) -> None:
    """An InferenceService accepts the URI."""
    assert trained_models.answer("service", URI).stored is not None, "a TrainedModel with an s3:// URI is refused"
    answer = trained_models.answer("service", uri)
    assert answer.stored is None, f"a TrainedModel with {uri} is accepted"
    admission.assert_words(answer.refusal, uri, uri=uri)


@rule("AGENT-008")
def test_the_memory_cannot_change(admission: Admission, trained_models: TrainedModels) -> None:
    """The server has planned its memory already."""
    name = trained_models.create(trained_models.service(), URI)
    assert trained_models.change(name, storageUri=f"{URI}/v2").stored is not None, "a changed URI is refused"
    answer = trained_models.change(name, memory="2Gi")
    assert answer.stored is None, "a changed memory is accepted"
    admission.assert_words(answer.refusal, "memory")


def _names(trained_models: TrainedModels, service: str) -> set[str]:
    return set(trained_models.listed(service) or {})


def _uri_of(trained_models: TrainedModels, service: str, name: str) -> str:
    return str((trained_models.listed(service) or {}).get(name, {}).get("storageUri", ""))


@rule("AGENT-009")
def test_the_list_of_models(admission: Admission, trained_models: TrainedModels) -> None:
    """Two models come, and one goes."""
    service = trained_models.service()
    first, second = trained_models.create(service, URI, "512Mi"), trained_models.create(service, "gs://bucket/cat")
    described = {"storageUri": URI, "framework": "conformance", "memory": "512Mi"}
    assert admission.api.until(lambda: _names(trained_models, service) == {first, second}), "a model is not listed"
    assert (trained_models.listed(service) or {})[first] == described
    trained_models.remove(second)
    assert admission.api.until(lambda: _names(trained_models, service) == {first}), "a deleted model stays listed"


@rule("AGENT-009")
def test_a_changed_uri_in_the_list(admission: Admission, trained_models: TrainedModels) -> None:
    """The user publishes the next version."""
    service = trained_models.service()
    name = trained_models.create(service, URI)
    assert admission.api.until(lambda: _uri_of(trained_models, service, name) == URI), "the model is not listed"
    trained_models.publish(name, f"{URI}/v2")
    assert admission.api.until(lambda: _uri_of(trained_models, service, name) == f"{URI}/v2"), "the former URI stays"


@rule("AGENT-010")
@pytest.mark.parametrize(
    ("situation", "kind"),
    [
        ("not-ready", "InferenceServiceReady"),
        ("own-model", "IsMMSPredictor"),
        ("too-large", "MemoryResourceAvailable"),
    ],
    ids=["not-ready", "own-model", "too-large"],
)
def test_a_model_that_is_not_served(trained_models: TrainedModels, situation: str, kind: str) -> None:
    """The user waits for the model."""
    own = {"storageUri": URI} if situation == "own-model" else {}
    service = trained_models.service(own, ready=situation != "not-ready")
    name = trained_models.create(service, URI, "5Gi" if situation == "too-large" else "1Gi")
    condition = trained_models.condition(name, kind, "False")
    assert condition.status == "False"
    assert condition.message


@rule("AGENT-011")
def test_a_missing_service(admission: Admission, trained_models: TrainedModels) -> None:
    """The user applies the TrainedModel first, or misspells the service."""
    missing = admission.name("missing")
    if trained_models.answer(missing, URI).stored is None:
        return
    name = trained_models.create(missing, URI)
    assert admission.api.until(lambda: trained_models.reasons(name) != [] or not trained_models.exists(name))
    assert any(missing in reason for reason in trained_models.reasons(name)), "the TrainedModel vanished silently"


@rule("AGENT-012")
def test_a_deleted_service(admission: Admission, trained_models: TrainedModels) -> None:
    """The user deletes only the service.

    When the service is gone first, KServe's controller never removes the finalizer (seen on 0.19.0). Which of the two
    ends first is a matter of milliseconds, so this case keeps the service until the TrainedModel had its time.
    """
    service = trained_models.service()
    name = trained_models.create(service, URI)
    assert admission.api.until(lambda: name in _names(trained_models, service)), "the model is not listed"
    with trained_models.held(service):
        trained_models.remove_service(service)
        assert admission.api.until(lambda: not trained_models.exists(name)), "the TrainedModel keeps its finalizer"
