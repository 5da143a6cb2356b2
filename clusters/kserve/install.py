"""Install a KServe release in a cluster, and wait until its webhook responds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from lightkube import ApiError, Client

from clusters.base import Cluster, Provider, Source
from clusters.images.manager import manager_image
from clusters.kserve.adaptations import (
    HOW_LABEL,
    LABEL,
    MANAGER,
    NAMESPACE,
    WEBHOOKS,
    Object,
    adapt,
    certified,
    manager_reference,
)
from clusters.kserve.api import absent_is_fine, apply, conditions, explained, objects_of, of_kind, until
from clusters.kserve.certificate import webhook_certificate
from clusters.kserve.installation import Installation, installed
from clusters.kserve.manifests import rendered
from clusters.kserve.releases import WAYS, How, NoKServe, Release, find
from clusters.kserve.uninstall import uninstall
from clusters.waiting_reasons import NEVER_CREATED

log = logging.getLogger("conformance.setup")

DEFINED_WITHIN_S = 60
MANAGER_WITHIN_S = 120
WEBHOOK_WITHIN_S = 60
_LOG_LINES = 5
_ENDED_TOO_OFTEN = 2
_DEFINITION = "CustomResourceDefinition"

#: A pod like those of KServe's controller; the suite creates it only as a dry run.
_PROBE = {
    "metadata": {
        "name": "kserve-conformance-probe",
        "namespace": "default",
        "labels": {"serving.kserve.io/inferenceservice": "kserve-conformance-probe"},
        "annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": "s3://bucket/model"},
    },
    "spec": {"containers": [{"name": "kserve-container", "image": "none"}]},
}


def install(
    cluster: Cluster, provider: Provider, release: str, how: How = "manifests", values: Mapping[str, Any] | None = None
) -> Installation:
    """Install `release` instead of any other release that the suite installed, and wait until the webhook injects.

    values  what a user would set. For `helm`: the names that `--set` takes. For `manifests`: fields of the ConfigMap
            `inferenceservice-config`, as `section.field`.
    If the module of a release has no manifests, its Helm chart is used instead, and the notes mention it.
    Raises NoKServe, and NoCluster and ToolFailed from the layers below.
    """
    entry = find(release)
    if how not in WAYS:
        raise NoKServe(f"{how!r} is no way to install KServe; use {' or '.join(WAYS)}")
    notes = []
    if how == "manifests" and not entry.manifests:
        how, notes = "helm", [f"installed from its chart: the module of {release} has no manifests"]
    objects, changes = adapt(rendered(entry, how, values or {}), entry)
    objects = [_labelled(one, entry, how) for one in certified(objects, webhook_certificate(NAMESPACE))]
    image = manager_image(entry.release, manager_reference(objects), cluster.images)
    _refuse_foreign(cluster)
    uninstall(cluster, kept=[one["metadata"]["name"] for one in _of(objects, _DEFINITION)])

    started = time.monotonic()
    with explained(f"cannot install KServe {entry.release}"), ThreadPoolExecutor(1) as beside:
        loading = beside.submit(provider.load, [image])
        _put(cluster.client(), objects, loading.result)
    found = installed(cluster)
    if found is None:
        raise NoKServe(
            f"another program removed KServe {entry.release} during its installation; check that no other run uses the "
            "cluster"
        )
    log.info("KServe %s: serving after %.1f s (%s)", entry.release, time.monotonic() - started, how)
    return replace(found, notes=(*notes, *changes))


def prepare_images(release: str, source: Source) -> None:
    """Build in advance the images that `install` loads. Raises NoKServe and ToolFailed."""
    entry = find(release)
    objects, _ = adapt(rendered(entry, "manifests" if entry.manifests else "helm", {}), entry)
    manager_image(entry.release, manager_reference(objects), source)


def _put(client: Client, objects: list[Object], image_loaded: Callable[[], None]) -> None:
    """Apply `objects` in the order of their dependencies, and wait until the pod webhook responds."""
    definitions = _of(objects, _DEFINITION)
    hooks = _of(objects, *WEBHOOKS)
    customs = [one for one in objects if one["apiVersion"].startswith("serving.kserve.io/")]
    manager = _of(objects, "Deployment")
    apply(client, _of(objects, "Namespace"))
    first = [one for one in objects if all(one is not later for later in (*hooks, *customs, *manager))]
    apply(client, [one for one in first if one["kind"] != "Namespace"])
    until(lambda: _undefined(client, definitions), DEFINED_WITHIN_S, "KServe's kinds are known to the API server")
    image_loaded()
    apply(client, manager)
    until(lambda: _manager_state(client), MANAGER_WITHIN_S, "KServe's manager is ready", lambda: _last_words(client))
    apply(client, hooks)
    until(lambda: _webhook_state(client), WEBHOOK_WITHIN_S, "KServe's webhook answers", lambda: _last_words(client))
    apply(client, customs)


def _of(objects: list[Object], *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def _labelled(one: Object, release: Release, how: How) -> Object:
    labels = {**(one["metadata"].get("labels") or {}), LABEL: release.release, HOW_LABEL: how}
    return {**one, "metadata": {**one["metadata"], "labels": labels}}


def _refuse_foreign(cluster: Cluster) -> None:
    """Raise NoKServe if the cluster has a KServe that the suite did not install; never replace it or mix with it."""
    found = installed(cluster)
    if found and not found.by_suite:
        raise NoKServe(
            f"KServe {found.release or 'of an unknown release'} is already installed in namespace {found.namespace}, "
            "but not by the suite; remove it, or use --cluster existing to test with it"
        )
    with explained("cannot look for KServe's kinds"):
        everything = cluster.client().list(of_kind(_DEFINITION))
    ours = [one for one in everything if one["spec"]["group"] == "serving.kserve.io"]
    if foreign := [one["metadata"]["name"] for one in ours if LABEL not in (one["metadata"].get("labels") or {})]:
        raise NoKServe(f"the cluster still has kinds of another KServe, such as {foreign[0]}; remove them")


def _undefined(client: Client, definitions: list[Object]) -> str:
    """Return a message on the first of `definitions` that the API server does not serve yet; "" if there is none."""
    for one in definitions:
        with absent_is_fine():
            objects_of(client, one)
            continue
        return f"{one['metadata']['name']} is not served yet"
    return ""


def _manager_state(client: Client) -> str:
    """Return "" if the manager is ready, else its state. Raises NoKServe if it will never be ready."""
    for pod in _pods(client):
        for status in pod["status"].get("containerStatuses", []):
            if status["ready"]:
                return ""
            waiting = status["state"].get("waiting", {})
            said = f"{waiting.get('reason', 'not ready')} {waiting.get('message', '')}".strip()
            if waiting.get("reason") in NEVER_CREATED or status["restartCount"] >= _ENDED_TOO_OFTEN:
                raise NoKServe("; ".join(filter(None, [f"KServe's manager cannot start: {said}", _last_words(client)])))
            return f"its container is {said}"
        return f"its pod is {pod['status'].get('phase')}: {'; '.join(conditions(pod, 'False').values())}"
    return "it has no pod"


def _webhook_state(client: Client) -> str:
    try:
        pod = client.create(of_kind("Pod")(_PROBE), dry_run=True)
    except ApiError as refusal:
        return str(refusal.status.message)
    return "" if pod["spec"].get("initContainers") else "a pod is let through without an init container"


def _pods(client: Client) -> list[Any]:
    return list(client.list(of_kind("Pod"), namespace=NAMESPACE, labels={"control-plane": MANAGER}))


def _last_words(client: Client) -> str:
    for pod in _pods(client):
        try:
            lines = list(
                client.log(pod["metadata"]["name"], namespace=NAMESPACE, container="manager", tail_lines=_LOG_LINES)
            )
        except ApiError:
            continue
        if lines:
            return "its log ends: " + " | ".join(line.strip() for line in lines)
    return ""
