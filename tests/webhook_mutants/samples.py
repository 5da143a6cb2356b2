"""Sample pods, as the webhook returns them, with every part that mutants change. They come from no cluster."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from scenarios.cluster import kubernetes
from scenarios.cluster.kubernetes import Object
from tests.webhook_mutants.parts import by_reference, download


def _pod(uri: str | None, **parts: Any) -> Object:  # noqa: ANN401 - fields of a pod
    """Return a pod as the webhook returns it, in a namespace with a name like KServe's."""
    made = kubernetes.pod(uri, namespace="kserve-x", labels=None, annotations=parts.pop("annotations", {}), **parts)
    for one in made["spec"]["containers"]:
        one.setdefault("volumeMounts", [{"name": "model", "mountPath": "/mnt/models", "readOnly": True}])
    return made


def downloading() -> Object:
    """Return a pod with a download, a transformer, a worker, and a model server with many settings."""
    names = ("kserve-container", "transformer-container", "worker-container")
    server = {
        "args": ["x"],
        "securityContext": {"runAsUser": 7},
        "env": {"STORAGE_URI": "/mnt/models", "A": "s3://b/m"},
    }
    servers = [kubernetes.container(name, **deepcopy(server)) for name in names]
    annotations = {"serving.kserve.io/storage-initializer-uid": "root"}
    pod = _pod("s3://b/m", containers=servers, annotations={**annotations, "storage.kserve.io/readonly": "False"})
    initializer = download(pod) | {
        "image": "second-x:1@sha256:0-next",
        "args": ["s3://other/m", "/mnt/models", "s3://mine/m", "/mnt/b"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"runAsUser": 8},
        "resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}},
    }
    values = {
        "AWS_ENDPOINT_URL": "http://store", "AWS_DEFAULT_REGION": "eu", "S3_USE_ACCELERATE": "true",
        "HF_XET_HIGH_PERFORMANCE": "mine", "CONFIDENTIAL_ENABLED": "true", "CONFIDENTIAL_RESOURCE_ID": "kbs:///key",
        "CA_BUNDLE_VOLUME_MOUNT_POINT": "/own", "STORAGE_OVERRIDE_CONFIG": "{}", "files.example-headers": "{}",
        "GOOGLE_APPLICATION_CREDENTIALS": "/var/secrets/sa.json",
    }  # fmt: skip
    references = [by_reference("AWS_ACCESS_KEY_ID", "keys", "id"), by_reference("AZURE_CLIENT_ID", "azure", "id")]
    initializer["env"] = [*({"name": name, "value": value} for name, value in values.items()), *references]
    initializer["volumeMounts"] += [
        {"name": "bundle", "mountPath": "/own/certs", "readOnly": True},
        {"name": "google", "mountPath": "/var/secrets/", "readOnly": True},
        {"name": "linked", "mountPath": "/mnt/pvc", "readOnly": True},
    ]
    own = [kubernetes.container(name) for name in ("first", "second")]
    volumes = [
        {"name": "model", "emptyDir": {}},
        {"name": "bundle", "configMap": {"name": "ours"}},
        {"name": "google", "secret": {"secretName": "google"}},
    ]
    secrets = [{"name": "registry"}]
    pod["spec"] |= {"initContainers": [*own, initializer], "volumes": volumes, "imagePullSecrets": secrets}
    return pod


def download_job() -> Object:
    """Return a download job of the local model cache."""
    mount = {"name": "kserve-pvc-source", "mountPath": "/mnt/models", "subPath": "models/0123456789abcdef"}
    keys = [by_reference("AWS_SECRET_ACCESS_KEY", "keys", "secret")]
    container = kubernetes.container("storage-initializer", args=["s3://b/m", "/mnt/models"], volumeMounts=[mount])
    container |= {"env": keys, "resources": {"limits": {"memory": "2Gi"}}}
    pod = {"containers": [container], "nodeSelector": {"kubernetes.io/hostname": "node"}}
    return {"kind": "Job", "metadata": {"name": "iris-node"}, "spec": {"template": {"spec": pod}}}


def _car(number: int) -> Object:
    mount = {"name": f"car{number}", "mountPath": f"/mnt/{number}", "readOnly": False}
    command = f"ln -sf /proc/root/models '/mnt/{number}/model'"
    return kubernetes.container(
        f"modelcar{number}",
        image="r/m:1",
        args=["-c", command],
        volumeMounts=[mount],
        resources={"requests": {"cpu": "1"}},
    ) | {"securityContext": {"runAsUser": 5}}


def from_images() -> Object:
    """Return a pod with two modelcars, an init container that waits for their image, and an image volume."""
    mounts = [{"name": f"car{number}", "mountPath": f"/mnt/{number}"} for number in (1, 2)]
    env = {"MODEL_INIT_MODE": "async"}
    server = kubernetes.container(volumeMounts=mounts, env=env, securityContext={"runAsUser": 5, "privileged": False})
    pod = _pod("oci://r/m:1", containers=[server, _car(1), _car(2)])
    waiting = kubernetes.container("modelcar-init", image="r/m:1", args=["test -d /models || exit 1"])
    volume = {"name": "image", "image": {"reference": "r/m:1"}}
    pod["spec"] |= {"initContainers": [waiting], "shareProcessNamespace": True, "volumes": [volume]}
    return pod


def on_a_claim() -> Object:
    """Return a pod with a path on a claim and the annotation of its source, but without a download."""
    mounts = [{"name": "claim", "mountPath": "/mnt/models", "subPath": "a/b", "readOnly": False}]
    pod = _pod("pvc://claim/a/b", containers=[kubernetes.container(volumeMounts=mounts)])
    pod["spec"]["volumes"] = [{"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}}]
    return pod


def with_an_agent() -> Object:
    """Return a pod whose agent fetches TrainedModels, and the pod's worker, which reads a claim."""
    mounts = [{"name": "model-dir", "mountPath": "/mnt/models"}]
    lists = [*mounts, {"name": "model-config", "mountPath": "/mnt/configs"}]
    keys = [by_reference("AWS_ACCESS_KEY_ID", "keys", "id")]
    agent = kubernetes.container("agent", args=["--enable-puller"], env=keys, volumeMounts=lists)
    agent |= {"image": "r/agent:1", "resources": {"limits": {"memory": "1Gi"}}}
    worker = kubernetes.container("worker-container", volumeMounts=[{**mounts[0], "subPath": "a"}])
    pod = _pod(None, containers=[kubernetes.container(volumeMounts=mounts), agent, worker, _car(3)])
    listed = {"name": "model-config", "configMap": {"name": "modelconfig-service-0"}}
    pod["spec"]["volumes"] = [{"name": "model-dir", "emptyDir": {}}, listed]
    return pod


def with_another_label() -> Object:
    """Return a pod of a service with another name, with a download, a service mesh, and a misspelt annotation."""
    server = kubernetes.container(env={"STORAGE_URI": ""})
    annotations = {"storage.kserve.io/readyonly": "false", "sidecar.istio.io/status": "{}"}
    pod = _pod("s3://b/m", containers=[server], annotations=annotations)
    pod["metadata"]["labels"] = {kubernetes.SERVICE_LABEL: "other"}
    pod["spec"]["initContainers"] = [{**download(pod), "image": "registry.example/broken:1"}]
    return pod


def without_a_source() -> Object:
    return _pod(None, containers=[kubernetes.container()])


PODS = [downloading, from_images, on_a_claim, with_an_agent, with_another_label, without_a_source]
