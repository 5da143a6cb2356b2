"""What one test has on a cluster to look at admission: namespaces, objects, and pods that are submitted on paper."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import cast

import httpx
import lightkube
from lightkube import codecs
from lightkube.generic_resource import GenericGlobalResource
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Event, Namespace
from lightkube.types import PatchType

from clusters.base import RUN_LABEL
from scenarios.cluster import kubernetes
from scenarios.cluster.kubernetes import CONFIGURATION, SERVICE_LABEL, Object, client_create, client_delete, complaint
from scenarios.cluster.namespaces import RunNamespace, open_namespace
from scenarios.cluster.transcript import in_yaml, summarize, without_values
from scenarios.cluster.waiting import DEADLINE_S, Unsettled, wait
from scenarios.reasons import NotOffered

#: Seconds that a status has to say what an event said already.
STATUS_S = 8.0

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """The API server's answer to an object that was submitted: what it would have stored, or why it refuses."""

    sent: Object
    stored: Object | None
    refusal: str = ""


class AdmissionClient:
    """What one test has on a cluster. Everything that it makes is removed by `leave`, in the background.

    transcript   (title, text) of what was sent and answered, for the report.
    last_status  of the last InferenceService, as JSON, when KServe's controller had decided on it.
    """

    def __init__(self, run_namespace: RunNamespace, system: str) -> None:
        self.cluster = run_namespace.cluster
        self.client = run_namespace.cluster.client()
        self.system = system
        self.token = f"{run_namespace.namespace.rsplit('-', 1)[-1]}x{next(_numbers)}"
        self.transcript: list[tuple[str, str]] = []
        self.last_status = ""
        self._tenant = run_namespace
        self._made: list[Object] = []

    @property
    def run(self) -> str:
        """The run's id, for labels."""
        return self._tenant.run

    @property
    def ordinary(self) -> str:
        """The name of a namespace without any special label."""
        return self._tenant.namespace

    def name(self, what: str) -> str:
        """A name for an object that no other test has."""
        return f"{what}-{self.token}"

    def scheme(self) -> str:
        """A URI scheme that nobody else uses, and that the releases of KServe do not know."""
        return f"scheme{self.token}"

    def namespace(self, labels: Mapping[str, str] | None = None, prefix: str = "conformance") -> str:
        """A namespace of the test's own, with `labels`."""
        name = f"{prefix}-{self._tenant.run}-{self.token}-{next(_numbers)}"
        open_namespace(self.cluster, name, {RUN_LABEL: self._tenant.run, **(labels or {})})
        self._made.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def labels(self, namespace: str) -> dict[str, str]:
        """The labels of a namespace."""
        metadata = self.client.get(Namespace, namespace).metadata
        return dict(metadata.labels or {}) if metadata else {}

    def until(self, holds: Callable[[], bool], seconds: float = DEADLINE_S) -> bool:
        """Whether something comes to hold in time; for what KServe or the API server learn a moment later."""
        try:
            return wait(lambda: True if holds() else None, "what the test asks for", seconds=seconds)
        except Unsettled:
            return False

    def label(self, namespace: str, labels: Mapping[str, str | None]) -> None:
        """Change labels of a namespace of the test's own; None removes one."""
        self.client.patch(Namespace, namespace, {"metadata": {"labels": dict(labels)}})

    def create(self, *objects: Object, namespace: str | None = None) -> None:
        """Make objects, in the ordinary namespace unless they or the call say otherwise, and wait until they work.

        Raises NotOffered for what belongs to the whole cluster where that is not the suite's own.
        """
        for one in objects:
            manifest = self._owned(one, namespace)
            self.transcript.append(
                (f"created {one['kind']} {one['metadata']['name']}", in_yaml(without_values(manifest)))
            )
            client_create(self.client, manifest)
            self._made.append(manifest)
        kinds = {one["kind"] for one in objects}
        if "ClusterStorageContainer" in kinds:
            self.settle_storage_containers()
        if kinds & {"Secret", "ServiceAccount"}:
            self._settle_credentials(objects, namespace)

    def replace(self, manifest: Object) -> None:
        """Give an object of the test's own a new spec."""
        resource = type(codecs.from_dict(manifest))
        patch = {"spec": manifest["spec"]}
        self.client.patch(resource, manifest["metadata"]["name"], patch, patch_type=PatchType.MERGE)
        self.settle_storage_containers()

    def remove(self, manifest: Object) -> None:
        """Remove an object of the whole cluster, and wait until KServe knows."""
        client_delete(self.client, manifest)
        self._made = [one for one in self._made if one["metadata"]["name"] != manifest["metadata"]["name"]]
        self.settle_storage_containers()

    def _owned(self, manifest: Object, namespace: str | None) -> Object:
        whole_cluster = manifest["kind"] in {"ClusterStorageContainer", "PersistentVolume"}
        if whole_cluster and self.cluster.provider == "existing":
            raise NotOffered(f"a {manifest['kind']} is seen by the whole cluster, which is not the suite's own")
        labels = {**manifest["metadata"].get("labels", {}), RUN_LABEL: self._tenant.run}
        where = {} if whole_cluster else {"namespace": namespace or self.ordinary}
        return {**manifest, "metadata": {**where, **manifest["metadata"], "labels": labels}}

    def _settle_credentials(self, objects: tuple[Object, ...], namespace: str | None) -> None:
        """Wait until KServe's cache has new Secrets and ServiceAccounts: 0.11 does not ask the API server itself."""
        for one in objects:
            if one["kind"] == "Secret":
                self.until(partial(self._knows_secret, one["metadata"]["name"], namespace))
        if any(one["kind"] == "ServiceAccount" for one in objects):
            mark = f"mark{self.token}n{next(_numbers)}"
            manifest = self._owned(kubernetes.service_account(mark, [mark]), namespace)
            client_create(self.client, manifest)
            self._made.append(manifest)
            # It lists a Secret that is missing: KServe refuses its pods as soon as it knows it.
            pod = self.pod("s3://b/m", namespace=namespace, serviceAccountName=mark)
            self.until(lambda: self.answer(pod).stored is None)

    def _knows_secret(self, name: str, namespace: str | None) -> bool:
        answer = self.answer(self.pod("s3://b/m", namespace=namespace, annotations=self.naming(name)))
        return f'"{name}" not found' not in answer.refusal.replace("\\", "")

    def naming(self, secret: str) -> dict[str, str]:
        """The annotation that names a Secret for the initializer; its key is a setting of KServe."""
        return {self._naming_key: secret}

    @cached_property
    def _naming_key(self) -> str:
        data = self.client.get(ConfigMap, CONFIGURATION, namespace=self.system).data or {}
        return str(json.loads(data["credentials"])["storageSecretNameAnnotation"])

    def settle_storage_containers(self) -> None:
        """Wait until KServe's cache has one that is made now: what was changed before is then known too."""
        mark = f"mark{self.token}n{next(_numbers)}"
        manifest = self._owned(kubernetes.storage_container(mark, [{"prefix": f"{mark}://"}], {"image": mark}), None)
        client_create(self.client, manifest)
        try:
            wait(lambda: True if self._image_for(f"{mark}://x") == mark else None, "a new ClusterStorageContainer")
        finally:
            client_delete(self.client, manifest)

    def _image_for(self, uri: str) -> str:
        stored = self.answer(self.pod(uri)).stored or {}
        images = [one["image"] for one in stored.get("spec", {}).get("initContainers", [])]
        return images[0] if images else ""

    def pod(
        self,
        uri: str | None,
        *,
        namespace: str | None = None,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        containers: list[Object] | None = None,
        **spec: object,
    ) -> Object:
        """A pod as KServe's controller would make it; `spec` are more fields of its spec."""
        return kubernetes.pod(
            uri,
            namespace=namespace or self.ordinary,
            annotations=annotations or {},
            labels=labels,
            containers=containers or [kubernetes.container()],
            **spec,
        )

    def answer(self, manifest: Object) -> Answer:
        """Have the API server admit an object without storing it (a server-side dry run)."""
        try:
            return Answer(manifest, client_create(self.client, manifest, dry_run=True))
        except lightkube.ApiError as error:
            return Answer(manifest, None, error.status.message or str(error))

    def answer_of(self, resource: type[GenericGlobalResource], manifest: Object) -> Answer:
        """`answer` for an object whose version or shape may not exist; it is sent as if it were of `resource`."""
        try:
            return Answer(manifest, dict(self.client.create(resource.from_dict(manifest), dry_run=True)))
        except lightkube.ApiError as error:
            return Answer(manifest, None, error.status.message or str(error))
        except httpx.HTTPStatusError as error:  # a version that the API server does not serve has no Status to tell
            return Answer(manifest, None, str(error))

    @contextmanager
    def temporarily(self, manifest: Object) -> Iterator[None]:
        """An object of the whole cluster that KServe cannot work with; gone, for KServe too, at the end."""
        owned = self._owned(manifest, None)
        client_create(self.client, owned)
        try:
            yield
        finally:
            client_delete(self.client, owned)
            self.settle_storage_containers()

    def submit(self, manifest: Object) -> Answer:
        """`answer`, remembered for the report."""
        answer = self.answer(manifest)
        self.transcript.append((f"submitted {manifest['kind']}", in_yaml(manifest)))
        self.transcript.append(("answer", in_yaml(summarize(answer.stored)) if answer.stored else answer.refusal))
        return answer

    def serve(
        self,
        model: Mapping[str, object],
        predictor: Mapping[str, object] | None = None,
        *,
        annotations: Mapping[str, str] | None = None,
        runtime: str = "conformance",
        until_status: str = "",
    ) -> Answer:
        """Make an InferenceService, and wait for the pod template that KServe's controller makes of it, or its refusal.

        The service is gone when this returns. `until_status` gives its status STATUS_S to have these words.
        """
        service = kubernetes.inference_service(self.name(f"s{next(_numbers)}"), runtime, model, predictor or {})
        service["metadata"]["annotations"].update(annotations or {})
        manifest = self._owned(service, None)
        self.transcript.append(("created InferenceService", in_yaml(manifest)))
        try:
            client_create(self.client, manifest)
        except lightkube.ApiError as error:
            self.transcript.append(("answer", error.status.message or str(error)))
            return Answer(manifest, None, error.status.message or str(error))
        try:
            name = manifest["metadata"]["name"]
            answer = wait(
                lambda: self._outcome(manifest), f"a Deployment or an error of {name}", lambda: self._state(name)
            )
            self.until(lambda: until_status in self._state(name), STATUS_S)
            self.last_status = self._state(name)
        finally:
            client_delete(self.client, manifest)
        self.transcript.append(("outcome", in_yaml(summarize(answer.stored)) if answer.stored else answer.refusal))
        return answer

    def _outcome(self, manifest: Object) -> Answer | None:
        name = manifest["metadata"]["name"]
        complaints = self._complaints(name)  # asked for first: later ones can be about what follows the Deployment
        for deployment in self.client.list(Deployment, namespace=self.ordinary, labels={SERVICE_LABEL: name}):
            template = cast("Object", deployment.to_dict())["spec"]["template"]
            metadata = {key: template["metadata"].get(key, {}) for key in ("labels", "annotations")}
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"generateName": f"{name}-", "namespace": self.ordinary, **metadata},
                "spec": template["spec"],
            }
            return Answer(manifest, pod)
        return Answer(manifest, None, complaints[0]) if complaints else None

    def _complaints(self, name: str) -> list[str]:
        """What KServe's controller reported as its failure to make the service's Deployment."""
        events = self.client.list(Event, namespace=self.ordinary, fields={"involvedObject.name": name})
        return [said for event in events if (said := complaint(event))]

    def _state(self, name: str) -> str:
        found = self.client.get(kubernetes.INFERENCE_SERVICE, name, namespace=self.ordinary)
        return json.dumps(found.get("status", {}))

    def leave(self, *, keep: bool = False) -> None:
        """Have everything removed that the test made, or with `keep` only what others see; nothing is waited for."""
        for manifest in reversed(self._made):
            if not keep or manifest["kind"] == "ClusterStorageContainer":
                client_delete(self.client, manifest)
