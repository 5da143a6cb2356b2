"""All changes that the suite makes to the manifests of a release, each with its reason. The rest stays as published."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from clusters.kserve.certificate import SECRET, Certificate
from clusters.kserve.releases import Release

#: A Kubernetes object as JSON data.
Object = dict[str, Any]

NAMESPACE = "kserve"
MANAGER = "kserve-controller-manager"
#: Label of every object that the suite installs; its value is the release.
LABEL = "conformance.kserve.io/kserve"
HOW_LABEL = "conformance.kserve.io/install"
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")

_INJECTED = "cert-manager.io/inject-ca-from"
_OTHER_CONTROLLERS = re.compile("llmisvc|localmodel")


@dataclass(frozen=True)
class Adaptation:
    """One change to the manifests.

    reason  what changes and why, in one sentence for the report.
    change  maps an object to the object to apply, or to None to omit it.
    """

    reason: str
    change: Callable[[Object, Release], Object | None]


def _certificates(one: Object, _: Release) -> Object | None:
    if one["apiVersion"].startswith("cert-manager.io/"):
        return None
    annotations = one["metadata"].get("annotations") or {}
    if _INJECTED not in annotations:
        return one
    rest = {name: value for name, value in annotations.items() if name != _INJECTED}
    return {**one, "metadata": {**one["metadata"], "annotations": rest}}


def _other_controllers(one: Object, _: Release) -> Object | None:
    name = one["metadata"]["name"]
    if one["kind"] == "CustomResourceDefinition":
        return one if one["spec"]["group"] == "serving.kserve.io" and not name.startswith("llminference") else None
    if one["kind"] in WEBHOOKS:
        served = [hook["clientConfig"]["service"]["name"] for hook in one["webhooks"]]
        return None if any(map(_OTHER_CONTROLLERS.search, served)) else one
    return None if one["kind"] == "LLMInferenceServiceConfig" or _OTHER_CONTROLLERS.search(name) else one


def _conversion(one: Object, _: Release) -> Object:
    if one["kind"] != "CustomResourceDefinition":
        return one
    return {**one, "spec": {name: value for name, value in one["spec"].items() if name != "conversion"}}


def _deployment_mode(one: Object, release: Release) -> Object:
    return _configured(one, "deploy", {"defaultDeploymentMode": release.mode})


def _no_ingress(one: Object, _: Release) -> Object:
    return _configured(one, "ingress", {"disableIngressCreation": True})


def _metrics_container(one: Object, _: Release) -> Object:
    changed = copy.deepcopy(one) if _is_manager(one) else one
    for pod in _manager_pods(changed):
        pod["containers"] = [container for container in pod["containers"] if container["name"] == "manager"]
    return changed


def _pull_policy(one: Object, _: Release) -> Object:
    changed = copy.deepcopy(one) if _is_manager(one) else one
    for container in _manager_containers(changed):
        container["imagePullPolicy"] = "IfNotPresent"
    return changed


def _quick_start(one: Object, _: Release) -> Object:
    changed = copy.deepcopy(one) if _is_manager(one) else one
    for container in _manager_containers(changed):
        container.get("resources", {}).get("limits", {}).pop("cpu", None)
        if probe := container.get("readinessProbe"):
            probe.update(initialDelaySeconds=0, periodSeconds=1)
    return changed


ADAPTATIONS = (
    Adaptation(
        "cert-manager's Certificate and Issuer left out: the webhook's certificate is of the suite's own making",
        _certificates,
    ),
    Adaptation(
        "the controllers of LLMInferenceServices and of the local model cache left out with what only they serve: "
        "no storage initializer is injected by them",
        _other_controllers,
    ),
    Adaptation("conversion webhooks of CRDs left out: one version of each is in use", _conversion),
    Adaptation("default deployment mode without Knative, which is not installed", _deployment_mode),
    Adaptation("no Ingress is created (0.11 does not know the switch): nothing is reached from outside", _no_ingress),
    Adaptation("the side container kube-rbac-proxy left out: no metrics are read", _metrics_container),
    Adaptation("the manager's image is not pulled again where the node has it", _pull_policy),
    Adaptation("the manager's limit of a tenth of a CPU lifted and its readiness asked each second", _quick_start),
)


def adapt(objects: Iterable[Object], release: Release) -> tuple[list[Object], list[str]]:
    """Return the objects to apply, and the reasons of the changes that applied. The input objects remain unchanged."""
    adapted, notes = list(objects), []
    for adaptation in ADAPTATIONS:
        changed = [adaptation.change(one, release) for one in adapted]
        if changed != adapted:
            notes.append(adaptation.reason)
        adapted = [one for one in changed if one is not None]
    return adapted, notes


def certified(objects: Iterable[Object], certificate: Certificate) -> list[Object]:
    """Return the objects with the certificate's Secret added, and with its CA in each webhook."""
    data = {"tls.crt": certificate.certificate, "tls.key": certificate.key}
    metadata = {"name": SECRET, "namespace": NAMESPACE}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": data}
    return [*(_trusting(one, certificate.authority) for one in objects), secret]


def _trusting(one: Object, authority: str) -> Object:
    if one["kind"] not in WEBHOOKS:
        return one
    hooks = [{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": authority}} for hook in one["webhooks"]]
    return {**one, "webhooks": hooks}


def manager_reference(objects: Iterable[Object]) -> str:
    """Return the image in the manager's Deployment."""
    return str(next(container["image"] for one in objects for container in _manager_containers(one)))


def _is_manager(one: Object) -> bool:
    return (one["kind"], one["metadata"]["name"]) == ("Deployment", MANAGER)


def _manager_pods(one: Object) -> list[Object]:
    return [one["spec"]["template"]["spec"]] if _is_manager(one) else []


def _manager_containers(one: Object) -> list[Object]:
    return [each for pod in _manager_pods(one) for each in pod["containers"] if each["name"] == "manager"]


def _configured(one: Object, section: str, fields: Object) -> Object:
    if (one["kind"], one["metadata"]["name"]) != ("ConfigMap", "inferenceservice-config"):
        return one
    changed = json.dumps({**json.loads(one["data"][section]), **fields}, indent=2)
    return {**one, "data": {**one["data"], section: changed}}
