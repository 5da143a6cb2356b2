"""A test's access to admission on a cluster: namespaces, objects, and pods that it submits as dry runs."""

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

#: Seconds until an object's status must repeat what an event reported.
STATUS_S = 8.0

#: The cluster-scoped kinds that tests create.
_WHOLE_CLUSTER = frozenset({"ClusterStorageContainer", "LocalModelCache", "LocalModelNodeGroup", "PersistentVolume"})

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """The API server's response to a submitted object: the object as it would be stored, or the refusal."""

    sent: Object
    stored: Object | None
    refusal: str = ""


class AdmissionClient:
    """A test's namespaces and objects on a cluster. `leave` removes all of them in the background.

    transcript   (title, text) of each request and response, for the report.
    last_status  the status of the last InferenceService, as JSON, after KServe's controller decided on it.
    mode         the deployment mode of the last InferenceService, from its status; "" before the first one.
    """

    def __init__(self, run_namespace: RunNamespace, system: str) -> None:
        self.cluster = run_namespace.cluster
        self.client = run_namespace.cluster.client()
        self.system = system
        self.token = f"{run_namespace.namespace.rsplit('-', 1)[-1]}x{next(_numbers)}"
        self.transcript: list[tuple[str, str]] = []
        self.last_status = ""
        self.mode = ""
        self._run_namespace = run_namespace
        self._made: list[Object] = []

    @property
    def run(self) -> str:
        """The ID of the run, for labels."""
        return self._run_namespace.run

    @property
    def ordinary(self) -> str:
        """The name of a namespace without special labels."""
        return self._run_namespace.namespace

    def name(self, what: str) -> str:
        """A name for an object that is unique to this test."""
        return f"{what}-{self.token}"

    def scheme(self) -> str:
        """A unique URI scheme that no release of KServe knows."""
        return f"scheme{self.token}"

    def namespace(self, labels: Mapping[str, str] | None = None, prefix: str = "conformance") -> str:
        """Create a namespace for this test alone, with `labels`. Returns its name."""
        name = f"{prefix}-{self._run_namespace.run}-{self.token}-{next(_numbers)}"
        open_namespace(self.cluster, name, {RUN_LABEL: self._run_namespace.run, **(labels or {})})
        self._made.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def labels(self, namespace: str) -> dict[str, str]:
        """The labels of a namespace."""
        metadata = self.client.get(Namespace, namespace).metadata
        return dict(metadata.labels or {}) if metadata else {}

    def until(self, holds: Callable[[], bool], seconds: float = DEADLINE_S) -> bool:
        """Poll `holds` for up to `seconds`. Returns whether it became true.

        For changes that KServe or the API server notices with a delay.
        """
        try:
            return wait(lambda: True if holds() else None, "what the test asks for", seconds=seconds)
        except Unsettled:
            return False

    def label(self, namespace: str, labels: Mapping[str, str | None]) -> None:
        """Change the labels of a namespace of this test. None removes a label."""
        self.client.patch(Namespace, namespace, {"metadata": {"labels": dict(labels)}})

    def create(self, *objects: Object, namespace: str | None = None) -> list[Object]:
        """Create objects and wait until they take effect. Returns them as stored.

        The namespace is the object's own, else `namespace`, else the ordinary one.
        Raises NotOffered for cluster-scoped objects if the suite does not own the cluster.
        """
        stored = []
        for one in objects:
            manifest = self._owned(one, namespace)
            self.transcript.append(
                (f"created {one['kind']} {one['metadata']['name']}", in_yaml(without_values(manifest)))
            )
            stored.append(client_create(self.client, manifest))
            self._made.append(manifest)
        kinds = {one["kind"] for one in objects}
        if "ClusterStorageContainer" in kinds:
            self.settle_storage_containers()
        if kinds & {"Secret", "ServiceAccount"}:
            self._settle_credentials(objects, namespace)
        return stored

    def replace(self, manifest: Object) -> None:
        """Replace the spec of an object of this test."""
        resource = type(codecs.from_dict(manifest))
        patch = {"spec": manifest["spec"]}
        self.client.patch(resource, manifest["metadata"]["name"], patch, patch_type=PatchType.MERGE)
        self.settle_storage_containers()

    def remove(self, manifest: Object) -> None:
        """Remove a cluster-scoped object and wait until KServe has seen the removal."""
        client_delete(self.client, manifest)
        self._made = [one for one in self._made if one["metadata"]["name"] != manifest["metadata"]["name"]]
        self.settle_storage_containers()

    def _owned(self, manifest: Object, namespace: str | None) -> Object:
        whole_cluster = manifest["kind"] in _WHOLE_CLUSTER
        if whole_cluster and self.cluster.provider == "existing":
            raise NotOffered(
                f"a {manifest['kind']} affects a whole cluster; run this on a cluster of the suite, with --cluster kind"
            )
        labels = {**manifest["metadata"].get("labels", {}), RUN_LABEL: self._run_namespace.run}
        where = {} if whole_cluster else {"namespace": namespace or self.ordinary}
        return {**manifest, "metadata": {**where, **manifest["metadata"], "labels": labels}}

    def _settle_credentials(self, objects: tuple[Object, ...], namespace: str | None) -> None:
        """Wait until KServe has cached new Secrets and ServiceAccounts, because KServe 0.11 reads only its cache."""
        for one in objects:
            if one["kind"] == "Secret":
                self.until(partial(self._knows_secret, one["metadata"]["name"], namespace))
        if any(one["kind"] == "ServiceAccount" for one in objects):
            mark = f"mark{self.token}n{next(_numbers)}"
            manifest = self._owned(kubernetes.service_account(mark, [mark]), namespace)
            client_create(self.client, manifest)
            self._made.append(manifest)
            # It lists a Secret that does not exist. KServe refuses its pods as soon as it knows the ServiceAccount.
            pod = self.pod("s3://b/m", namespace=namespace, serviceAccountName=mark)
            self.until(lambda: self.answer(pod).stored is None)

    def _knows_secret(self, name: str, namespace: str | None) -> bool:
        answer = self.answer(self.pod("s3://b/m", namespace=namespace, annotations=self.naming(name)))
        return f'"{name}" not found' not in answer.refusal.replace("\\", "")

    def naming(self, secret: str) -> dict[str, str]:
        """The annotation that selects a Secret for the initializer. KServe's configuration sets its key."""
        return {self._naming_key: secret}

    @cached_property
    def _naming_key(self) -> str:
        data = self.client.get(ConfigMap, CONFIGURATION, namespace=self.system).data or {}
        return str(json.loads(data["credentials"])["storageSecretNameAnnotation"])

    def settle_storage_containers(self) -> None:
        """Wait until KServe has cached a new ClusterStorageContainer. It then knows all earlier changes too."""
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
        """A pod as KServe's controller would create it. `spec` adds fields to its spec."""
        return kubernetes.pod(
            uri,
            namespace=namespace or self.ordinary,
            annotations=annotations or {},
            labels=labels,
            containers=containers or [kubernetes.container()],
            **spec,
        )

    def answer(self, manifest: Object) -> Answer:
        """Submit an object to admission without storing it (a server-side dry run)."""
        try:
            return Answer(manifest, client_create(self.client, manifest, dry_run=True))
        except lightkube.ApiError as error:
            return Answer(manifest, None, error.status.message or str(error))

    def answer_of(self, resource: type[GenericGlobalResource], manifest: Object) -> Answer:
        """Like `answer`, for an object whose version or schema may not exist. It is sent to the URL of `resource`."""
        try:
            return Answer(manifest, dict(self.client.create(resource.from_dict(manifest), dry_run=True)))
        except lightkube.ApiError as error:
            return Answer(manifest, None, error.status.message or str(error))
        except httpx.HTTPStatusError as error:  # for a version that it does not serve, the API server returns no Status
            return Answer(manifest, None, str(error))

    @contextmanager
    def temporarily(self, manifest: Object) -> Iterator[None]:
        """Create a cluster-scoped object that KServe cannot handle. On exit, remove it and wait until KServe knows."""
        owned = self._owned(manifest, None)
        client_create(self.client, owned)
        try:
            yield
        finally:
            client_delete(self.client, owned)
            self.settle_storage_containers()

    def submit(self, manifest: Object) -> Answer:
        """Like `answer`, and record the exchange for the report."""
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
        """Create an InferenceService and wait for the pod template from KServe's controller, or for its refusal.

        Deletes the service before it returns. With `until_status`, waits up to STATUS_S for that text in the status.
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
                lambda: self._outcome(manifest), f"a Deployment or an error of {name}", lambda: self.status(name)
            )
            self.until(lambda: until_status in self.status(name), STATUS_S)
            self.last_status = self.status(name)
        finally:
            client_delete(self.client, manifest)
        self.transcript.append(("outcome", in_yaml(summarize(answer.stored)) if answer.stored else answer.refusal))
        return answer

    def _outcome(self, manifest: Object) -> Answer | None:
        name = manifest["metadata"]["name"]
        complaints = self.complaints(name)  # read before the Deployment: later events can be about what follows it
        for deployment in self.client.list(Deployment, namespace=self.ordinary, labels={SERVICE_LABEL: name}):
            return Answer(manifest, kubernetes.template_of(cast("Object", deployment.to_dict())))
        return Answer(manifest, None, complaints[0]) if complaints else None

    def complaints(self, name: str) -> list[str]:
        """The errors that KServe's controller reported when it failed to create the service's Deployment."""
        events = self.client.list(Event, namespace=self.ordinary, fields={"involvedObject.name": name})
        return [said for event in events if (said := complaint(event))]

    def status(self, name: str, namespace: str | None = None) -> str:
        """The current status of an InferenceService, as JSON. Its deployment mode becomes `mode`."""
        found = self.client.get(kubernetes.INFERENCE_SERVICE, name, namespace=namespace or self.ordinary)
        status = found.get("status") or {}
        asked = (found["metadata"].get("annotations") or {}).get(kubernetes.MODE)
        self.mode = status.get("deploymentMode") or asked or self.mode  # releases before 0.15 name none in the status
        return json.dumps(status)

    def leave(self, *, keep: bool = False) -> None:
        """Remove all objects of the test, without waiting. With `keep`, remove only those that affect other tests."""
        for manifest in reversed(self._made):
            if manifest["kind"] == "LocalModelCache":
                continue  # KServe may refuse this at once; ModelCaches waits for it
            if not keep or manifest["kind"] == "ClusterStorageContainer":
                client_delete(self.client, manifest)
