"""Kubernetes and KServe objects for scenarios, as plain data, and functions that send them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import lightkube
from lightkube import codecs
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.resources.core_v1 import Event

from scenarios.cluster.waiting import wait

Object = dict[str, Any]
T = TypeVar("T")

GROUP = "serving.kserve.io"
STORAGE_CONTAINER = create_global_resource(GROUP, "v1alpha1", "ClusterStorageContainer", "clusterstoragecontainers")
MODEL_CACHE = create_global_resource(GROUP, "v1alpha1", "LocalModelCache", "localmodelcaches")
MODEL_NODE = create_global_resource(GROUP, "v1alpha1", "LocalModelNode", "localmodelnodes")
MODEL_NODE_GROUP = create_global_resource(GROUP, "v1alpha1", "LocalModelNodeGroup", "localmodelnodegroups")
SERVING_RUNTIME = create_namespaced_resource(GROUP, "v1alpha1", "ServingRuntime", "servingruntimes")
INFERENCE_SERVICE = create_namespaced_resource(GROUP, "v1beta1", "InferenceService", "inferenceservices")
TRAINED_MODEL = create_namespaced_resource(GROUP, "v1alpha1", "TrainedModel", "trainedmodels")

#: KServe's controller sets these labels on the pods of an InferenceService (pkg/constants/constants.go).
SERVICE_LABEL = "serving.kserve.io/inferenceservice"
INTERNAL = "internal.serving.kserve.io"
#: KServe's webhook sets it on services of a cached model.
CACHE_LABEL = f"{INTERNAL}/localmodel"
SOURCE_URI = f"{INTERNAL}/storage-initializer-sourceuri"
#: The annotation of an InferenceService that selects its deployment mode.
MODE = f"{GROUP}/deploymentMode"
#: The container that KServe's webhook adds, and the one that it looks for.
INITIALIZER, MODEL_SERVER = "storage-initializer", "kserve-container"
#: The container with the model on each further node, and the one that fetches TrainedModels.
WORKER, AGENT = "worker-container", "agent"
#: The path of the model in a model server's container.
MODELS = "/mnt/models"
TOO_MANY_REQUESTS = 429
#: KServe's ConfigMap, in the namespace of its installation.
CONFIGURATION = "inferenceservice-config"
#: The controller's error for an object that changed meanwhile. It retries.
_CONFLICT = "the object has been modified"
#: An image that never runs. Pods of the admission route are only dry runs.
NEVER_RUN = "conformance.invalid/never-run:1"


def retry_on_429(call: Callable[[], T]) -> T:
    """Make a call again while the API server answers 429, as it does for the first object of a kind."""

    def answer() -> T | None:
        try:
            return call()
        except lightkube.ApiError as error:
            if error.status.code == TOO_MANY_REQUESTS:
                return None
            raise

    return wait(answer, "the API server is ready for this kind")


def client_create(client: lightkube.Client, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
    """Create an object. Returns it as in the API server's response. Raises lightkube.ApiError."""

    made: Any = retry_on_429(lambda: client.create(codecs.from_dict(dict(manifest)), dry_run=dry_run))
    return {**made.to_dict(), "apiVersion": manifest["apiVersion"], "kind": manifest["kind"]}


def complaint(event: Event) -> str:
    """The error that KServe's controller reports in the event; "" for any other event."""
    said = event.message or ""
    return said if event.reason == "InternalError" and _CONFLICT not in said else ""


def client_delete(client: lightkube.Client, manifest: Mapping[str, Any]) -> None:
    """Request the deletion of an object without waiting for it. Ignores an object that is already gone."""
    resource = type(codecs.from_dict(dict(manifest)))
    metadata = manifest["metadata"]
    where = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    try:
        client.delete(resource, metadata["name"], **where)
    except lightkube.ApiError as error:
        if error.status.code != 404:
            raise


def exists(client: lightkube.Client, kind: Any, name: str) -> bool:  # noqa: ANN401 - lightkube's class of a kind
    """Whether the cluster has a cluster-scoped object."""
    try:
        client.get(kind, name)
    except lightkube.ApiError as error:
        if error.status.code == 404:
            return False
        raise
    return True


def container(name: str = MODEL_SERVER, **fields: object) -> Object:
    """A container of a pod. `env` may be a mapping."""
    env = fields.get("env")
    if isinstance(env, Mapping):
        fields["env"] = [{"name": key, "value": value} for key, value in env.items()]
    return {"name": name, "image": NEVER_RUN, **fields}


def pod(
    uri: str | None,
    *,
    namespace: str,
    annotations: Mapping[str, str],
    labels: Mapping[str, str] | None,
    containers: Sequence[Object],
    **spec: object,
) -> Object:
    """A pod as KServe's controller creates it for an InferenceService with a `storageUri`."""
    source = {SOURCE_URI: uri} if uri is not None else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "model-predictor-",
            "namespace": namespace,
            "labels": {SERVICE_LABEL: "model"} if labels is None else dict(labels),
            "annotations": {**source, **annotations},
        },
        "spec": {"containers": list(containers), **spec},
    }


def secret(name: str, data: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> Object:
    """A Secret with `data` as text."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": name, "annotations": dict(annotations or {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def service_account(name: str, secrets: Sequence[str], annotations: Mapping[str, str] | None = None) -> Object:
    """A ServiceAccount that lists `secrets`, from which KServe takes credentials."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "secrets": [{"name": one} for one in secrets],
    }


def storage_container(
    name: str, formats: Sequence[Mapping[str, str]], container: Mapping[str, object] | None = None, **fields: object
) -> Object:
    """A ClusterStorageContainer for URIs of `formats` (`{"prefix": ...}` or `{"regex": ...}`).

    `disabled` is a top-level field. All other `fields` go into the container spec.
    """
    beside = {"disabled": fields.pop("disabled")} if "disabled" in fields else {}
    wanted = {"name": INITIALIZER, "image": NEVER_RUN, **(container or {})}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "ClusterStorageContainer",
        "metadata": {"name": name},
        "spec": {"container": wanted, "supportedUriFormats": [dict(one) for one in formats], **fields},
        **beside,
    }


def model_cache(name: str, uri: str, groups: Sequence[str], **spec: object) -> Object:
    """A LocalModelCache of the model at `uri`, on the nodes of the LocalModelNodeGroups `groups`."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "LocalModelCache",
        "metadata": {"name": name},
        "spec": {"sourceModelUri": uri, "modelSize": "1Mi", "nodeGroups": list(groups), **spec},
    }


def model_node_group(name: str, labels: Mapping[str, str], **spec: object) -> Object:
    """A LocalModelNodeGroup."""
    metadata = {"name": name, "labels": dict(labels)}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "LocalModelNodeGroup", "metadata": metadata, "spec": spec}


def serving_runtime(name: str, **spec: object) -> Object:
    """A ServingRuntime for models of the format `conformance`. Its server never runs."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": name},
        "spec": {"supportedModelFormats": [{"name": "conformance"}], "containers": [container()], **spec},
    }


def inference_service(name: str, runtime: str, model: Mapping[str, object], predictor: Mapping[str, object]) -> Object:
    """An InferenceService without Knative. Its pods cannot be scheduled on any node."""
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "annotations": {MODE: "RawDeployment"},
        },
        "spec": {
            "predictor": {
                "nodeSelector": {"conformance.kserve.io/never": "run"},
                "model": {"modelFormat": {"name": "conformance"}, "runtime": runtime, **model},
                **predictor,
            }
        },
    }


def trained_model(name: str, service: str, uri: str, memory: str) -> Object:
    """A TrainedModel, which the model server of an InferenceService loads beside others."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "TrainedModel",
        "metadata": {"name": name},
        "spec": {
            "inferenceService": service,
            "model": {"storageUri": uri, "framework": "conformance", "memory": memory},
        },
    }


def template_of(deployment: Object) -> Object:
    """The next pod of a Deployment, as the Deployment's controller would submit it."""
    metadata, template = deployment["metadata"], deployment["spec"]["template"]
    kept = {key: template["metadata"].get(key, {}) for key in ("labels", "annotations")}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"], **kept},
        "spec": template["spec"],
    }


def running_service(
    name: str,
    runtime: str,
    model: Mapping[str, object],
    predictor: Mapping[str, object],
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """An InferenceService with one pod that runs and terminates quickly."""
    small = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    described = {"modelFormat": {"name": "conformance"}, "runtime": runtime, "resources": small, **model}
    alone = {"minReplicas": 1, "maxReplicas": 1, "terminationGracePeriodSeconds": 1}
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": {"predictor": {**alone, **predictor, "model": described}},
    }
