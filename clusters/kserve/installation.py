"""Read from a cluster which KServe is installed there, regardless of who installed it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lightkube import ApiError, Client

from clusters.base import Cluster
from clusters.kserve.adaptations import HOW_LABEL, LABEL, MANAGER, WORKLOADS, Object
from clusters.kserve.api import absent_is_fine, explained, of_kind
from clusters.kserve.controllers import CONTROLLERS, owner_of

_POD_WEBHOOK = "inferenceservice.kserve-webhook-server.pod-mutator"


@dataclass(frozen=True)
class Installation:
    """An installed KServe. It is plain data, so that pytest-xdist can send it to workers.

    release                   without `v`; "" if the cluster does not reveal it.
    how                       "manifests" or "helm"; "" if the suite did not install it.
    control_plane_label       the value of the label `control-plane` of its namespace; None without the label.
    pod_webhook_has_selector  whether its pod webhook skips labelled namespaces; charts before 0.17 lack this.
    deployment_mode           the default deployment mode, in the words of the release.
    by_suite                  whether the suite installed it, and may remove it.
    controllers               names of the optional controllers that run beside its manager.
    notes                     changes to the published manifests, each with its reason.
    """

    release: str
    how: str
    namespace: str
    control_plane_label: str | None
    pod_webhook_has_selector: bool
    deployment_mode: str
    by_suite: bool
    controllers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def installed(cluster: Cluster) -> Installation | None:
    """Return the KServe in `cluster`; None if there is no manager. Raises NoKServe if the user lacks permission."""
    client = cluster.client()
    with explained("cannot look for KServe"):
        found = client.list(of_kind("Deployment"), namespace="*", labels={"control-plane": MANAGER})
        manager: Any = next(iter(found), None)
        if manager is None:
            return None
        namespace = manager["metadata"]["namespace"]
        labels = manager["metadata"]["labels"]
        return Installation(
            release=_release(manager),
            how=labels.get(HOW_LABEL, ""),
            namespace=namespace,
            control_plane_label=_labels(client, namespace).get("control-plane"),
            pod_webhook_has_selector=_pod_webhook_has_selector(client),
            deployment_mode=_deployment_mode(client, namespace),
            by_suite=LABEL in labels,
            controllers=_controllers(client, namespace),
        )


def _release(manager: Object) -> str:
    """Return the release from the suite's label, the image's tag, or the labels that Helm sets."""
    labels = manager["metadata"]["labels"]
    containers = manager["spec"]["template"]["spec"]["containers"]
    images = [container["image"] for container in containers if container["name"] == "manager"]
    said = [
        labels.get(LABEL, ""),
        *images,
        labels.get("app.kubernetes.io/version", ""),
        labels.get("helm.sh/chart", ""),
    ]
    return next((version[1] for text in said if (version := re.search(r"(?:^|[:-])v?(\d+\.\d+\.\d+[^@]*)", text))), "")


def _controllers(client: Client, namespace: str) -> tuple[str, ...]:
    """Return the optional controllers of an installation. Without the right to look for one, it counts as absent."""
    present: set[str] = set()
    for kind in WORKLOADS:
        with suppress(ApiError):
            present |= {one["metadata"]["name"] for one in client.list(of_kind(kind), namespace=namespace)}
    owners = [owner_of(name) for name in present]
    return tuple(one.name for one in CONTROLLERS if one in owners)


def _labels(client: Client, namespace: str) -> Mapping[str, str]:
    found: Mapping[str, str] = client.get(of_kind("Namespace"), namespace)["metadata"].get("labels") or {}
    return found


def _pod_webhook_has_selector(client: Client) -> bool:
    configurations = client.list(of_kind("MutatingWebhookConfiguration"))
    hooks = [hook for one in configurations for hook in one.get("webhooks", []) if hook["name"] == _POD_WEBHOOK]
    return any(hook.get("namespaceSelector") for hook in hooks)


def _deployment_mode(client: Client, namespace: str) -> str:
    """Return the default deployment mode of the ConfigMap; "" if the ConfigMap is missing, empty or invalid.

    An invalid ConfigMap is no error, because the suite must also describe a KServe that it did not install.
    """
    with absent_is_fine():
        data = client.get(of_kind("ConfigMap"), "inferenceservice-config", namespace=namespace).get("data") or {}
        with suppress(ValueError):
            return str(json.loads(data.get("deploy", "{}")).get("defaultDeploymentMode", ""))
    return ""
