"""The KServe that is in a cluster, whoever installed it: read from the cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lightkube import Client

from clusters.base import Cluster
from clusters.kserve.adaptations import HOW_LABEL, LABEL, MANAGER, Object
from clusters.kserve.api import absent_is_fine, explained, of_kind

_POD_WEBHOOK = "inferenceservice.kserve-webhook-server.pod-mutator"


@dataclass(frozen=True)
class Installation:
    """An installed KServe. Plain data, so that it crosses to pytest-xdist workers.

    release                   without `v`; empty where nothing tells it.
    how                       "manifests", "helm", or "" where somebody else installed it.
    control_plane_label       the value of its namespace's label `control-plane`; None without one.
    pod_webhook_has_selector  whether its pod webhook leaves labelled namespaces alone: not with charts before 0.17.
    deployment_mode           the default one, as the release calls it.
    by_suite                  whether the suite installed it, and may remove it.
    notes                     what was changed in upstream's manifests, each with its reason.
    """

    release: str
    how: str
    namespace: str
    control_plane_label: str | None
    pod_webhook_has_selector: bool
    deployment_mode: str
    by_suite: bool
    notes: tuple[str, ...] = ()


def installed(cluster: Cluster) -> Installation | None:
    """The KServe of `cluster`; None without a manager. Raises NoKServe where this may not be asked."""
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
        )


def _release(manager: Object) -> str:
    """From the label of the suite, the image's tag, or the labels that Helm leaves."""
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


def _labels(client: Client, namespace: str) -> Mapping[str, str]:
    found: Mapping[str, str] = client.get(of_kind("Namespace"), namespace)["metadata"].get("labels") or {}
    return found


def _pod_webhook_has_selector(client: Client) -> bool:
    configurations = client.list(of_kind("MutatingWebhookConfiguration"))
    hooks = [hook for one in configurations for hook in one.get("webhooks", []) if hook["name"] == _POD_WEBHOOK]
    return any(hook.get("namespaceSelector") for hook in hooks)


def _deployment_mode(client: Client, namespace: str) -> str:
    """As the ConfigMap says; "" where it is absent, empty or broken: somebody else's KServe is looked at as it is."""
    with absent_is_fine():
        data = client.get(of_kind("ConfigMap"), "inferenceservice-config", namespace=namespace).get("data") or {}
        with suppress(ValueError):
            return str(json.loads(data.get("deploy", "{}")).get("defaultDeploymentMode", ""))
    return ""
