"""The parts of a pod that mutants change, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER, NEVER_RUN, SERVICE_LABEL, SOURCE_URI, Object

MODELCAR, TRANSFORMER, WORKER = "modelcar", "transformer-container", "worker-container"


def init_containers(pod: Object) -> list[Object]:
    """Return the init containers as a list that callers can change."""
    found: list[Object] = pod["spec"].setdefault("initContainers", [])
    return found


def containers(pod: Object) -> list[Object]:
    found: list[Object] = pod["spec"]["containers"]
    return found


def volumes(pod: Object) -> list[Object]:
    """Return the volumes as a list that callers can change."""
    found: list[Object] = pod["spec"].setdefault("volumes", [])
    return found


def initializers(pod: Object) -> list[Object]:
    """Return the init containers that download. A storage container can add a prefix to the usual name."""
    return [one for one in init_containers(pod) if one["name"].endswith(INITIALIZER)]


def named(pod: Object, *names: str) -> list[Object]:
    return [one for one in [*containers(pod), *init_containers(pod)] if one["name"] in names]


def servers(pod: Object) -> list[Object]:
    """Return the containers that use the model: model server, transformer and worker, as far as they exist."""
    return named(pod, MODEL_SERVER, TRANSFORMER, WORKER)


def cars(pod: Object) -> list[Object]:
    return [one for one in containers(pod) if one["name"].startswith(MODELCAR)]


def mounts(container: Object, kept: Callable[[Object], bool] = lambda _: True) -> Iterator[Object]:
    """Yield the mounts of a container, without those that Kubernetes adds."""
    for one in container.get("volumeMounts") or ():
        if not one["name"].startswith("kube-api-access-") and kept(one):
            yield one


def remove_mounts(container: Object, which: Callable[[Object], bool]) -> None:
    container["volumeMounts"] = [one for one in container.get("volumeMounts") or () if not which(one)]


def env(container: Object) -> list[Object]:
    """Return the environment variables as a list that callers can change."""
    found: list[Object] = container.setdefault("env", [])
    return found


def variables(pod: Object, *names: str) -> Iterator[Object]:
    """Yield the initializer's variables with these names; all variables if no name is given."""
    for container in initializers(pod):
        for one in env(container):
            if not names or one["name"] in names:
                yield one


def keep_variables(container: Object, which: Callable[[Object], bool]) -> None:
    container["env"] = [one for one in env(container) if which(one)]


def references(pod: Object) -> Iterator[Object]:
    """Yield the secretKeyRefs of the initializer."""
    for one in variables(pod):
        if found := (one.get("valueFrom") or {}).get("secretKeyRef"):
            yield found


def by_reference(name: str, secret: str, key: str) -> Object:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def security(container: Object) -> dict[str, Any]:
    """Return the securityContext as a mapping that callers can change."""
    found: dict[str, Any] = container.setdefault("securityContext", {})
    return found


def annotation(pod: Object, key: str) -> str | None:
    found: str | None = (pod["metadata"].get("annotations") or {}).get(key)
    return found


def source(pod: Object) -> str:
    """Return the source URI of the submitted pod; "" for none."""
    return annotation(pod, SOURCE_URI) or ""


def label(pod: Object) -> str | None:
    """Return the value of the InferenceService label; None without the label."""
    found: str | None = (pod["metadata"].get("labels") or {}).get(SERVICE_LABEL)
    return found


def download(pod: Object) -> Object:
    """Return an init container like those that the webhook adds."""
    mount = {"name": "kserve-provision-location", "mountPath": "/mnt/models"}
    return {"name": INITIALIZER, "image": NEVER_RUN, "args": [source(pod), "/mnt/models"], "volumeMounts": [mount]}


def inject(pod: Object) -> None:
    """Add an init container that downloads, unless the pod has one."""
    if not initializers(pod):
        init_containers(pod).append(download(pod))


def strip(pod: Object) -> None:
    """Remove the init containers that the webhook added for a download."""
    pod["spec"]["initContainers"] = [one for one in init_containers(pod) if one not in initializers(pod)]
