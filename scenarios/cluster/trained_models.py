"""TrainedModels of one test: their service, what admission answers, their conditions, and the list for the agent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import lightkube
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Event
from lightkube.types import PatchType

from scenarios.cluster import kubernetes
from scenarios.cluster.admission import AdmissionClient, Answer
from scenarios.cluster.kubernetes import INFERENCE_SERVICE, TRAINED_MODEL, Object, client_delete
from scenarios.cluster.transcript import in_yaml
from scenarios.cluster.waiting import wait

#: Seconds until KServe's controller must have handled a TrainedModel or its service.
HANDLED_WITHIN_S = 15.0
#: The memory of the service's model server.
MEMORY = "2Gi"
_HOLD = "conformance.kserve.io/hold"
#: With an autoscaler of somebody else's, KServe leaves the number of pods alone.
FOREIGN_AUTOSCALER = {"serving.kserve.io/autoscalerClass": "external"}


@dataclass(frozen=True)
class Condition:
    """A condition in an object's status. `status` is True, False or Unknown."""

    status: str = ""
    message: str = ""


class TrainedModels:
    """Creates the TrainedModels of one test, and a service for them. `leave` removes both."""

    def __init__(self, api: AdmissionClient) -> None:
        self.api = api
        self._made: list[str] = []
        self._services: list[str] = []

    def service(self, model: Mapping[str, object] | None = None, *, ready: bool = True) -> str:
        """Create an InferenceService, without a URI unless `model` has one. Returns its name.

        A ready service has no pods: the test scales its Deployment to zero, which Kubernetes takes for available.
        Raises Unsettled.
        """
        api, name = self.api, self.api.name("service")
        resources = {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": MEMORY}}}
        service = kubernetes.inference_service(name, "conformance", {**resources, **(model or {})}, {})
        service["metadata"]["annotations"].update(FOREIGN_AUTOSCALER)
        api.create(service)
        self._services.append(name)
        deployment = wait(lambda: self._deployment(name), f"the Deployment of {name}", lambda: api.status(name))
        if ready:
            none = {"spec": {"replicas": 0}}
            api.client.patch(Deployment, deployment, none, namespace=api.ordinary)
            wait(lambda: self._is_ready(name) or None, f"{name} is ready without pods", lambda: api.status(name))
        api.status(name)  # for its deployment mode
        return name

    def answer(self, service: str, uri: str, memory: str = "1Gi") -> Answer:
        """Submit a TrainedModel to admission, without storing it."""
        manifest = kubernetes.trained_model(self.api.name("model"), service, uri, memory)
        manifest["metadata"]["namespace"] = self.api.ordinary
        return self.api.submit(manifest)

    def create(self, service: str, uri: str, memory: str = "1Gi") -> str:
        """Create a TrainedModel. Returns its name."""
        name = self.api.name(f"model{len(self._made)}")
        self.api.create(kubernetes.trained_model(name, service, uri, memory))
        self._made.append(name)
        return name

    def change(self, name: str, **model: object) -> Answer:
        """Submit a change of a TrainedModel's model to admission, without storing it."""
        patch: Object = {"spec": {"model": model}}
        self.api.transcript.append((f"submitted a change of TrainedModel {name}", in_yaml(patch)))
        try:
            answer = Answer(patch, self._patch(name, patch, dry_run=True))
        except lightkube.ApiError as error:
            answer = Answer(patch, None, error.status.message or str(error))
        self.api.transcript.append(("answer", answer.refusal or "accepted"))
        return answer

    def publish(self, name: str, uri: str) -> None:
        """Change the URI of a TrainedModel."""
        self._patch(name, {"spec": {"model": {"storageUri": uri}}})

    def template(self, service: str) -> Object:
        """The next pod of the service."""
        made = self.api.client.get(Deployment, self._deployment(service) or "", namespace=self.api.ordinary)
        return kubernetes.template_of(cast("Object", made.to_dict()))

    def listed(self, service: str) -> dict[str, Object] | None:
        """The models that the agent of the service must load: name -> its specification. None without a list."""
        found = list(
            self.api.client.list(
                ConfigMap, namespace=self.api.ordinary, fields={"metadata.name": config_map_of(service)}
            )
        )
        if not found:
            return None
        models = json.loads((found[0].data or {}).get("models.json") or "[]")
        return {one["modelName"]: one["modelSpec"] for one in models}

    def condition(self, name: str, kind: str, status: str) -> Condition:
        """Wait until the TrainedModel's condition has this status. Returns the last one that was seen."""
        self.api.until(lambda: self._conditions(name).get(kind, Condition()).status == status, HANDLED_WITHIN_S)
        seen = self._conditions(name).get(kind, Condition())
        self.api.transcript.append((f"condition {kind} of TrainedModel {name}", f"{seen.status} {seen.message}"))
        return seen

    def exists(self, name: str) -> bool:
        """Whether the TrainedModel exists, even if its deletion has begun."""
        return self._find(name) is not None

    def reasons(self, name: str) -> list[str]:
        """What KServe says of a TrainedModel: the messages of its conditions, and of events, which outlive it."""
        events = self.api.client.list(Event, namespace=self.api.ordinary, fields={"involvedObject.name": name})
        return [*(event.message or "" for event in events), *(one.message for one in self._conditions(name).values())]

    def remove(self, name: str) -> None:
        """Request the deletion of a TrainedModel."""
        manifest = kubernetes.trained_model(name, "", "", "")
        client_delete(self.api.client, {**manifest, "metadata": {"name": name, "namespace": self.api.ordinary}})

    @contextmanager
    def held(self, service: str) -> Iterator[None]:
        """Keep a service that is being deleted, as the finalizer of another controller does."""
        api = self.api
        found = api.client.get(INFERENCE_SERVICE, service, namespace=api.ordinary)
        own = found["metadata"].get("finalizers") or []
        self._patch(service, {"metadata": {"finalizers": [*own, _HOLD]}}, INFERENCE_SERVICE)
        try:
            yield
        finally:
            self._patch(service, {"metadata": {"finalizers": None}}, INFERENCE_SERVICE)

    def remove_service(self, name: str) -> None:
        """Request the deletion of a service."""
        service = kubernetes.inference_service(name, "", {}, {})
        client_delete(self.api.client, {**service, "metadata": {"name": name, "namespace": self.api.ordinary}})

    def leave(self) -> None:
        """Remove everything, even a TrainedModel whose finalizer KServe keeps. Its namespace could not end."""
        for name in self._made:
            self.remove(name)
        self.api.until(lambda: not any(map(self._find, self._made)), HANDLED_WITHIN_S)
        for name in filter(self._find, self._made):
            self._patch(name, {"metadata": {"finalizers": None}})
        for name in self._services:
            self.remove_service(name)

    def _patch(self, name: str, change: Object, kind: Any = TRAINED_MODEL, *, dry_run: bool = False) -> Object:  # noqa: ANN401 -- lightkube's class
        client, where, merge = self.api.client, self.api.ordinary, PatchType.MERGE
        return dict(client.patch(kind, name, change, namespace=where, patch_type=merge, dry_run=dry_run))

    def _find(self, name: str) -> Mapping[str, Any] | None:
        try:
            found = self.api.client.get(TRAINED_MODEL, name, namespace=self.api.ordinary)
        except lightkube.ApiError as error:
            if error.status.code == 404:
                return None
            raise
        return cast("Mapping[str, Any]", found)

    def _conditions(self, name: str) -> dict[str, Condition]:
        conditions = ((self._find(name) or {}).get("status") or {}).get("conditions") or []
        return {one["type"]: Condition(one["status"], one.get("message", "")) for one in conditions}

    def _deployment(self, service: str) -> str | None:
        api = self.api
        found = api.client.list(Deployment, namespace=api.ordinary, labels={kubernetes.SERVICE_LABEL: service})
        return next((str(one.metadata.name) for one in found if one.metadata), None)

    def _is_ready(self, service: str) -> bool:
        conditions = json.loads(self.api.status(service)).get("conditions") or []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def config_map_of(service: str) -> str:
    """The name of the ConfigMap with the list for the service's agent."""
    return f"modelconfig-{service}-0"
