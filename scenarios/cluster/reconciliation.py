"""What KServe's controller makes of an InferenceService, followed from before the service exists."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

import lightkube
from lightkube.resources.apps_v1 import Deployment

from scenarios.cluster import kubernetes
from scenarios.cluster.admission import STATUS_S, AdmissionClient
from scenarios.cluster.kubernetes import SERVICE_LABEL, Object, client_delete
from scenarios.cluster.transcript import in_yaml, summarize

#: Seconds until the controller must have created every Deployment of a service, or reported an error.
MADE_WITHIN_S = 15.0
#: Seconds for which the Deployments are watched after that. KServe 0.20.0 deletes one within a tenth of a second.
WATCHED_S = 2.0
#: Without an autoscaler. KServe requires this setting of a service with several nodes.
NO_AUTOSCALER = {"serving.kserve.io/autoscalerClass": "none"}


@dataclass(frozen=True)
class Reconciled:
    """What the controller made of an InferenceService.

    pods     Deployment, without the service's name in front -> the pod of its last template.
    gone     the Deployments that were deleted while the service existed.
    refusal  the refusal of the API server, or the controller's first error; "" for none.
    status   the last status of the service, as JSON.
    """

    pods: Mapping[str, Object] = field(default_factory=dict)
    gone: Collection[str] = ()
    refusal: str = ""
    status: str = "{}"

    @property
    def reasons(self) -> list[str]:
        """What the status says of a failure: the messages of False conditions, and of a model that failed to load."""
        status = json.loads(self.status)
        false = [one for one in status.get("conditions") or () if one["status"] == "False"]
        failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
        return [said for one in (*false, failure) if (said := one.get("message", ""))]


class Reconciliation:
    """Lets KServe's controller reconcile InferenceServices of one test."""

    def __init__(self, api: AdmissionClient) -> None:
        self.api = api

    def outcome(
        self,
        model: Mapping[str, object],
        predictor: Mapping[str, object],
        wanted: Collection[str],
        *,
        runtime: str,
    ) -> Reconciled:
        """Create an InferenceService, follow its Deployments for WATCHED_S seconds, and delete it.

        wanted  the Deployments to wait for, without the service's name in front. With none, wait for a reason in the
                status.
        """
        api = self.api
        service = kubernetes.inference_service(api.name("nodes"), runtime, model, predictor)
        service["metadata"]["annotations"].update(NO_AUTOSCALER)
        name, since = service["metadata"]["name"], self._version()
        try:
            api.create(service)
        except lightkube.ApiError as error:
            return Reconciled(refusal=error.status.message or str(error))
        try:
            api.until(lambda: self._decided(name, wanted), MADE_WITHIN_S if wanted else STATUS_S)
            time.sleep(WATCHED_S if wanted else 0)
            complaints, status = api.complaints(name), api.status(name)
            pods, gone = self._history(name, since)
        finally:
            client_delete(api.client, {**service, "metadata": {"name": name, "namespace": api.ordinary}})
        seen = Reconciled(pods, gone, next(iter(complaints), ""), status)
        self._remember(seen)
        return seen

    def _decided(self, name: str, wanted: Collection[str]) -> bool:
        if not wanted:
            return bool(Reconciled(status=self.api.status(name)).reasons)
        api = self.api
        found = api.client.list(Deployment, namespace=api.ordinary, labels={SERVICE_LABEL: name})
        made = {_short(name, cast("Object", one.to_dict())) for one in found}
        return made >= set(wanted) or bool(api.complaints(name))

    def _version(self) -> str:
        """The version of the namespace's Deployments, from which `_history` starts."""
        listed = self.api.client.list(Deployment, namespace=self.api.ordinary)
        list(listed)
        return str(listed.resourceVersion)

    def _history(self, name: str, since: str) -> tuple[dict[str, Object], list[str]]:
        """Read all changes to the service's Deployments, also to those that are gone.

        The watch would never end by itself. A Deployment without pods marks the end of what it reads.
        """
        pods: dict[str, Object] = {}
        gone: list[str] = []
        mark = self.api.name("mark")
        self.api.create(_without_pods(mark))
        changes = self.api.client.watch(Deployment, namespace=self.api.ordinary, resource_version=since)
        for change, deployment in changes:
            found = cast("Object", deployment.to_dict())
            if found["metadata"]["name"] == mark:
                break
            if found["metadata"].get("labels", {}).get(SERVICE_LABEL) == name:
                pods[_short(name, found)] = kubernetes.template_of(found)
                gone += [_short(name, found)] if change == "DELETED" else []
        return pods, gone

    def _remember(self, seen: Reconciled) -> None:
        for deployment, pod in seen.pods.items():
            self.api.transcript.append((f"template of Deployment {deployment}", in_yaml(summarize(pod))))
        told = {"deleted Deployments": list(seen.gone), "error": seen.refusal, "status": seen.status}
        self.api.transcript.append(("outcome", in_yaml(told)))


def _short(service: str, deployment: Object) -> str:
    return str(deployment["metadata"]["name"]).removeprefix(f"{service}-")


def _without_pods(name: str) -> Object:
    labels = {"conformance": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [kubernetes.container()]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
