"""LLMInferenceServices: KServe's controller writes the initializer into the pod templates of their workloads.

No webhook takes part. A service with `replicas: 0` and no router gets its workloads at once, and no pod runs.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Mapping
from typing import Any, cast

import lightkube
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Event, Pod
from lightkube.types import PatchType
from packaging.version import Version

from scenarios.cluster.admission import AdmissionClient, Answer
from scenarios.cluster.inspection import Inspection
from scenarios.cluster.kubernetes import GROUP, NEVER_RUN, Object, client_create
from scenarios.cluster.llm_certificate import certificate_of, owned
from scenarios.cluster.pods import describe, meta, started
from scenarios.cluster.transcript import in_yaml, summarize
from scenarios.cluster.waiting import Unsettled, wait
from scenarios.initializers.injected import POD_WITHIN_S

#: The name of KServe's optional controller that handles them.
CONTROLLER = "llmisvc"
#: The container of the model server.
MAIN = "main"
#: The first release whose objects have the version `v1alpha2`.
_SECOND = Version("0.17")
_VERSIONS = ("v1alpha1", "v1alpha2")
SERVICES = {
    version: create_namespaced_resource(GROUP, version, "LLMInferenceService", "llminferenceservices")
    for version in _VERSIONS
}
CONFIGS = {
    version: create_namespaced_resource(GROUP, version, "LLMInferenceServiceConfig", "llminferenceserviceconfigs")
    for version in _VERSIONS
}
LEADER_WORKER_SET = create_namespaced_resource("leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet", "leaderworkersets")
#: Role of a pod template -> the end of its workload's name, and the path of the template in a LeaderWorkerSet.
ROLES = {"main": "", "prefill": "-prefill", "leader": "leaderTemplate", "worker": "workerTemplate"}
#: Seconds that the controller has for a template, or for a condition that explains why there is none.
MADE_WITHIN_S = 45.0
#: Seconds that a failure must last: the controller tries again when its caches lag behind.
FAILED_FOR_S = 1.0
#: The conditions that explain why a service has no workload.
_CONDITIONS = ("PresetsCombined", "WorkloadsReady")
_CONFLICT = "the object has been modified"

_numbers = itertools.count(1)


def version_of(release: str) -> str:
    """The version of LLMInferenceServices that a KServe release stores."""
    return _VERSIONS[Version(release) >= _SECOND]


def config(name: str, release: str, spec: Mapping[str, object]) -> Object:
    """An LLMInferenceServiceConfig: a preset if it has the name of one, else a base that services refer to."""
    return {
        "apiVersion": f"{GROUP}/{version_of(release)}",
        "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": name},
        "spec": dict(spec),
    }


def presets(release: str) -> list[Object]:
    """The presets that a service without a router needs, as small as they can be. A namespace's own take precedence."""
    server: Object = {"containers": [{"name": MAIN, "image": NEVER_RUN}]}
    several: Object = {"template": server, "worker": server}
    specs: dict[str, Object] = {
        "template": {"template": server},
        "decode-template": {"template": server},
        "prefill-template": {"prefill": {"template": server}},
        "worker-data-parallel": several,
    }
    return [config(f"kserve-config-llm-{name}", release, spec) for name, spec in specs.items()]


class LLMInferenceServices:
    """The LLMInferenceServices that one test creates. Its AdmissionClient removes them."""

    def __init__(self, api: AdmissionClient, release: str) -> None:
        self.api = api
        self.release = release
        self._resource: type[GenericNamespacedResource] = SERVICES[version_of(release)]

    def namespace(self) -> str:
        """Create a namespace with the small presets. Returns its name."""
        name = self.api.namespace()
        for one in presets(self.release):
            client_create(self.api.client, {**one, "metadata": {**one["metadata"], "namespace": name}})
        return name

    def manifest(
        self,
        uri: str | None,
        *,
        annotations: Mapping[str, str] | None = None,
        model: Mapping[str, object] | None = None,
        **spec: object,
    ) -> Object:
        """A service without pods, with a name of its own. `spec` adds fields to its spec, and replaces `replicas`."""
        source = {"uri": uri} if uri is not None else {}
        named = {"model": {"name": "model", **source, **(model or {})}} if uri is not None or model else {}
        return {
            "apiVersion": f"{GROUP}/{version_of(self.release)}",
            "kind": "LLMInferenceService",
            "metadata": {"name": self.api.name(f"llm{next(_numbers)}"), "annotations": dict(annotations or {})},
            "spec": {"replicas": 0, **named, **spec},
        }

    def create(self, manifest: Object, namespace: str | None = None) -> Object:
        """Create a service. Returns it with its namespace. Raises lightkube.ApiError when admission refuses it."""
        where = namespace or self.api.ordinary
        placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": where}}
        secret = certificate_of(placed)
        [stored] = self.api.create(placed)
        with contextlib.suppress(lightkube.ApiError):  # the controller was faster
            client_create(self.api.client, owned(secret, stored))
        return placed

    def change(self, service: Object, spec: Mapping[str, object]) -> None:
        """Merge `spec` into the spec of a service. A list replaces a list; None removes a field."""
        metadata = service["metadata"]
        self.api.transcript.append((f"changed {metadata['name']}", in_yaml({"spec": dict(spec)})))
        patch = {"spec": dict(spec)}
        self.api.client.patch(
            self._resource, metadata["name"], patch, namespace=metadata["namespace"], patch_type=PatchType.MERGE
        )

    def outcome(
        self, service: Object, role: str = "main", *, contains: str = "", within_s: float = MADE_WITHIN_S
    ) -> Answer:
        """Wait for the pod template that the controller writes for a role, or for its reason to write none.

        role      a key of ROLES.
        contains  text that the template will contain. Until then, no other answer counts.
        Returns the template as a pod. After `within_s`, returns the last answer, or raises Unsettled without one.
        """
        seen: list[Answer] = []
        failing_since: list[float] = []

        def look() -> Answer | None:
            complaint = self.complaint(service)  # read before the workload: later conditions are about its pods
            if template := self._template(service, role):
                seen[:] = [Answer(service, template)]
                return seen[0] if contains in json.dumps(template) else None
            failing_since[:] = (failing_since or [time.monotonic()]) if complaint else []
            if failing_since and time.monotonic() - failing_since[0] >= FAILED_FOR_S:
                seen[:] = [Answer(service, None, complaint)]
            return seen[0] if seen and not contains else None

        what = f"the {role} template of {service['metadata']['name']}, or a reason why there is none"
        try:
            answer = wait(look, what, lambda: self._last_seen(service), within_s)
        except Unsettled:
            if not seen:
                raise
            answer = seen[0]
        told = in_yaml(summarize(answer.stored)) if answer.stored else answer.refusal
        self.api.transcript.append((f"{role} template", told))
        return answer

    def inspect(self, service: Object) -> Inspection:
        """Wait until `main` has started in a pod of the service. Returns its view. Raises Unsettled."""
        metadata = service["metadata"]
        client, namespace = self.api.client, metadata["namespace"]
        labels = {"app.kubernetes.io/name": metadata["name"]}
        found: list[Pod] = []

        def look() -> Pod | None:
            found[:] = client.list(Pod, namespace=namespace, labels=labels)
            return next((pod for pod in found if started(pod, MAIN)), None)

        def last_seen() -> str:
            return "; ".join([*map(describe, found), *self.events(service)])

        pod = wait(look, f"the model server of {metadata['name']}", last_seen, POD_WITHIN_S)
        return Inspection.of(client, namespace, str(meta(pod).name), MAIN)

    def groups(self) -> list[str]:
        """The API groups that the cluster serves."""
        found = self.api.client._client._client.get("/apis").json()  # noqa: SLF001 -- no other way to it
        return [str(group["name"]) for group in found["groups"]]

    def bundle(self, name: str, namespace: str) -> bool:
        """Whether a ConfigMap appears in a namespace."""

        def there() -> bool:
            found = self.api.client.list(ConfigMap, namespace=namespace)
            return any(one.metadata and one.metadata.name == name for one in found)

        return self.api.until(there)

    def complaint(self, service: Object) -> str:
        """The conditions that explain why a service has no workload, one line each; "" for none."""
        found = [one for one in self.status(service).get("conditions") or () if one["type"] in _CONDITIONS]
        lines = [f"{one['type']}: {one['message']}" for one in found if one["status"] == "False" and one.get("message")]
        return "\n".join(line for line in lines if _CONFLICT not in line)

    def status(self, service: Object) -> Mapping[str, Any]:
        """The current status of a service."""
        metadata = service["metadata"]
        found = self.api.client.get(self._resource, metadata["name"], namespace=metadata["namespace"])
        return cast("Mapping[str, Any]", found.get("status") or {})

    def events(self, service: Object) -> list[str]:
        """The messages of the events about a service."""
        metadata = service["metadata"]
        about = {"involvedObject.name": metadata["name"]}
        found = self.api.client.list(Event, namespace=metadata["namespace"], fields=about)
        return [f"{event.reason}: {event.message}" for event in found]

    def _template(self, service: Object, role: str) -> Object | None:
        metadata = service["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        try:
            if role in {"leader", "worker"}:
                found: Any = self.api.client.get(LEADER_WORKER_SET, f"{name}-kserve-mn", namespace=namespace)
                template = found["spec"]["leaderWorkerTemplate"].get(ROLES[role])
            else:
                deployment = self.api.client.get(Deployment, f"{name}-kserve{ROLES[role]}", namespace=namespace)
                template = cast("Object", deployment.to_dict())["spec"]["template"]
        except lightkube.ApiError as error:
            if error.status.code != 404:
                raise
            return None
        return _as_pod(template, name, namespace) if template else None

    def _last_seen(self, service: Object) -> str:
        return "; ".join([f"status {json.dumps(self.status(service))}", *self.events(service)])


def _as_pod(template: Object, name: str, namespace: str) -> Object:
    """A pod as the workload's controller would create it."""
    metadata = {key: template["metadata"].get(key) or {} for key in ("labels", "annotations")}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{name}-", "namespace": namespace, **metadata},
        "spec": template["spec"],
    }
