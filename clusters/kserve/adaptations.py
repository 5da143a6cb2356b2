"""All changes that the suite makes to the manifests of a release, each with its reason. The rest stays as published."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from clusters.kserve.certificate import Certificate, secret_of
from clusters.kserve.controllers import CONTROLLERS, WEBHOOKS, Controller, owner
from clusters.kserve.releases import Release

#: A Kubernetes object as JSON data.
Object = dict[str, Any]

NAMESPACE = "kserve"
MANAGER = "kserve-controller-manager"
#: Label of every object that the suite installs; its value is the release.
LABEL = "conformance.kserve.io/kserve"
HOW_LABEL = "conformance.kserve.io/install"
#: The kinds of the objects that run KServe's programs, in containers called `manager`.
WORKLOADS = ("Deployment", "DaemonSet")

_INJECTED = "cert-manager.io/inject-ca-from"


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


def _without_others(objects: Collection[Object], kept: Collection[Controller]) -> Adaptation:
    def change(one: Object, _: Release) -> Object | None:
        if controller := owner(one):
            return one if controller in kept else None
        foreign = one["kind"] == "CustomResourceDefinition" and one["spec"]["group"] != "serving.kserve.io"
        return None if foreign else one

    owners = [owner(one) for one in objects]
    others = ", ".join(one.name for one in CONTROLLERS if one in owners and one not in kept)
    return Adaptation(
        f"controllers left out with what only they need, because no selected rule observes them: {others}", change
    )


def _conversion(one: Object, _: Release) -> Object:
    if one["kind"] != "CustomResourceDefinition":
        return one
    return {**one, "spec": {name: value for name, value in one["spec"].items() if name != "conversion"}}


def _deployment_mode(one: Object, release: Release) -> Object:
    return _configured(one, "deploy", {"defaultDeploymentMode": release.mode})


def _no_ingress(one: Object, _: Release) -> Object:
    return _configured(one, "ingress", {"disableIngressCreation": True})


def _metrics_container(one: Object, _: Release) -> Object:
    changed = copy.deepcopy(one) if _runs(one) else one
    for pod in _pods(changed):
        pod["containers"] = [container for container in pod["containers"] if container["name"] == "manager"]
    return changed


def _pull_policy(one: Object, _: Release) -> Object:
    changed = copy.deepcopy(one) if _runs(one) else one
    for container in _containers(changed):
        container["imagePullPolicy"] = "IfNotPresent"
    return changed


def _quick_start(one: Object, _: Release) -> Object:
    changed = copy.deepcopy(one) if _runs(one) else one
    for container in _containers(changed):
        container.get("resources", {}).get("limits", {}).pop("cpu", None)
        if probe := container.get("readinessProbe"):
            probe.update(initialDelaySeconds=0, periodSeconds=1)
    return changed


ADAPTATIONS = (
    Adaptation(
        "cert-manager's Certificate and Issuer left out: the webhook's certificate is of the suite's own making",
        _certificates,
    ),
    Adaptation("conversion webhooks of CRDs left out: one version of each is in use", _conversion),
    Adaptation("default deployment mode without Knative, which is not installed", _deployment_mode),
    Adaptation("no Ingress is created (0.11 does not know the switch): nothing is reached from outside", _no_ingress),
    Adaptation("the side container kube-rbac-proxy left out: no metrics are read", _metrics_container),
    Adaptation("images of KServe's programs are not pulled again where the node has them", _pull_policy),
    Adaptation("limits of a tenth of a CPU lifted, and readiness asked each second", _quick_start),
)


def adapt(
    objects: Iterable[Object], release: Release, controllers: Collection[Controller] = ()
) -> tuple[list[Object], list[str]]:
    """Return the objects to apply, and the reasons of the changes that applied. The input objects remain unchanged.

    controllers  the optional controllers that remain.
    """
    adapted: list[Object] = list(objects)
    notes = []
    for adaptation in (_without_others(adapted, controllers), *ADAPTATIONS):
        changed = [adaptation.change(one, release) for one in adapted]
        if changed != adapted:
            notes.append(adaptation.reason)
        adapted = [one for one in changed if one is not None]
    return adapted, notes


def webhook_services(objects: Iterable[Object]) -> list[str]:
    """Return the names of the Services that the webhooks call."""
    hooks = [hook for one in objects if one["kind"] in WEBHOOKS for hook in one["webhooks"]]
    return sorted({hook["clientConfig"]["service"]["name"] for hook in hooks})


def certified(objects: Collection[Object], certificate: Certificate) -> list[Object]:
    """Return the objects with its CA in each webhook, and with a Secret for the server of each webhook."""
    data = {"tls.crt": certificate.certificate, "tls.key": certificate.key}
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret_of(service), "namespace": NAMESPACE},
            "type": "kubernetes.io/tls",
            "data": data,
        }
        for service in webhook_services(objects)
    ]
    return [*(_trusting(one, certificate.authority) for one in objects), *secrets]


def _trusting(one: Object, authority: str) -> Object:
    if one["kind"] not in WEBHOOKS:
        return one
    hooks = [{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": authority}} for hook in one["webhooks"]]
    return {**one, "webhooks": hooks}


def references(objects: Iterable[Object]) -> dict[str, str]:
    """Return the image of each Deployment and DaemonSet, by its name."""
    return {one["metadata"]["name"]: str(_containers(one)[0]["image"]) for one in objects if _runs(one)}


def _runs(one: Object) -> bool:
    return one["kind"] in WORKLOADS


def _pods(one: Object) -> list[Object]:
    return [one["spec"]["template"]["spec"]] if _runs(one) else []


def _containers(one: Object) -> list[Object]:
    return [each for pod in _pods(one) for each in pod["containers"] if each["name"] == "manager"]


def _configured(one: Object, section: str, fields: Object) -> Object:
    if (one["kind"], one["metadata"]["name"]) != ("ConfigMap", "inferenceservice-config"):
        return one
    changed = json.dumps({**json.loads(one["data"][section]), **fields}, indent=2)
    return {**one, "data": {**one["data"], section: changed}}
