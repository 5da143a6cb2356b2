"""Pods as KServe's webhook returns them: containers, environment, mounts and volumes, for use in tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from conformance.api.exceptions import RuleViolation
from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER, Object

T = TypeVar("T")

#: Kubernetes mounts a ServiceAccount's token here in every container.
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path


class Named(dict[str, T]):
    """Parts of a pod by name. A missing name raises RuleViolation, because the pod is wrong, not the test."""

    def __init__(self, what: str, parts: Mapping[str, T]) -> None:
        super().__init__(parts)
        self._what = what

    def __missing__(self, name: str) -> T:
        raise RuleViolation(f"there is no {self._what} {name}, only: {', '.join(self) or 'none'}")


@dataclass(frozen=True)
class Mount:
    """A volume mount of a container."""

    volume: str
    path: str
    read_only: bool
    sub_path: str


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.raw["name"])

    @property
    def image(self) -> str:
        return str(self.raw["image"])

    @property
    def args(self) -> list[str]:
        return list(self.raw.get("args") or ())

    @property
    def environment(self) -> dict[str, str]:
        """Variables with a literal value in the pod: name -> value."""
        values = {one["name"]: one.get("value", "") for one in self._variables if not one.get("valueFrom")}
        return Named(f"variable with a value in {self.name}:", values)

    @property
    def references(self) -> dict[str, tuple[str, str]]:
        """Variables that come from Secrets: name -> (Secret, key)."""
        found = {one["name"]: (one.get("valueFrom") or {}).get("secretKeyRef") for one in self._variables}
        references = {name: (one["name"], one["key"]) for name, one in found.items() if one}
        return Named(f"variable by reference in {self.name}:", references)

    @property
    def variables(self) -> list[str]:
        """The names of all variables, including duplicates."""
        return [one["name"] for one in self._variables]

    @property
    def _variables(self) -> Sequence[Mapping[str, Any]]:
        return self.raw.get("env") or ()

    @property
    def mounts(self) -> dict[str, Mount]:
        """Path -> mount, without the token that Kubernetes mounts everywhere."""
        mounts = {
            one["mountPath"]: Mount(one["name"], one["mountPath"], bool(one.get("readOnly")), one.get("subPath") or "")
            for one in self.raw.get("volumeMounts") or ()
            if one["mountPath"] != TOKEN
        }
        return Named(f"mount in {self.name}:", mounts)

    @property
    def requests(self) -> dict[str, str]:
        return dict((self.raw.get("resources") or {}).get("requests") or {})

    @property
    def limits(self) -> dict[str, str]:
        return dict((self.raw.get("resources") or {}).get("limits") or {})

    @property
    def security(self) -> dict[str, Any]:
        """The container's own securityContext."""
        return Named(f"setting in the securityContext of {self.name}:", self.raw.get("securityContext") or {})


@dataclass(frozen=True)
class InjectedPod:
    """A pod as the API server would store it.

    why_not  explains why the webhook skipped the pod, as far as the cluster's configuration shows.
    """

    manifest: Object
    why_not: Callable[[], str]

    @property
    def spec(self) -> Mapping[str, Any]:
        return Named("field in the pod's spec:", self.manifest["spec"])

    @cached_property
    def containers(self) -> list[Container]:
        return [Container(Named("field in a container:", one)) for one in self.spec.get("containers") or ()]

    @cached_property
    def init_containers(self) -> list[Container]:
        return [Container(Named("field in a container:", one)) for one in self.spec.get("initContainers") or ()]

    @property
    def init_names(self) -> list[str]:
        return [one.name for one in self.init_containers]

    def container(self, name: str) -> Container:
        """Return the container or init container of that name. Raises RuleViolation when there is none."""
        for one in [*self.containers, *self.init_containers]:
            if one.name == name:
                return one
        raise RuleViolation(
            f"the pod has no container {name}, only {[c.name for c in self.containers]} and {self.init_names}"
        )

    @property
    def initializer(self) -> Container:
        """The init container that downloads the model. Raises RuleViolation, with the reason, when there is none."""
        found = [one for one in self.init_containers if one.name == INITIALIZER]
        if not found:
            raise RuleViolation(f"KServe injected no init container {INITIALIZER} ({self.why_not()})")
        if len(found) > 1:
            raise RuleViolation(f"{len(found)} init containers are named {INITIALIZER}")
        return found[0]

    @property
    def model_server(self) -> Container:
        return self.container(MODEL_SERVER)

    @property
    def volumes(self) -> dict[str, dict[str, Any]]:
        """Name -> source (`{"emptyDir": {}}`)."""
        sources = {
            one["name"]: Named(f"source in volume {one['name']}:", {key: one[key] for key in one if key != "name"})
            for one in self.spec.get("volumes") or ()
            if not one["name"].startswith("kube-api-access-")
        }
        return Named("volume", sources)
