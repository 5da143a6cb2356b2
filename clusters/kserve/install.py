"""Install a KServe release in a cluster, and wait until its webhooks respond."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from lightkube import ApiError, Client

from clusters.base import Cluster, Image, Provider, Source
from clusters.images.manager import controller_image
from clusters.kserve.adaptations import (
    HOW_LABEL,
    LABEL,
    MANAGER,
    NAMESPACE,
    WORKLOADS,
    Object,
    adapt,
    certified,
    references,
    webhook_services,
)
from clusters.kserve.api import absent_is_fine, apply, conditions, explained, kind_of, objects_of, of_kind, until
from clusters.kserve.certificate import webhook_certificate
from clusters.kserve.controllers import WEBHOOKS, Controller, chosen, controllers_of, owner_of
from clusters.kserve.installation import Installation, installed
from clusters.kserve.manifests import rendered
from clusters.kserve.model_cache import with_agents
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

_PROBE_NAME = {"name": "kserve-conformance-probe", "namespace": "default"}
#: A pod like those of KServe's controller; the suite creates it only as a dry run.
_PROBE = {
    "metadata": {
        **_PROBE_NAME,
        "labels": {"serving.kserve.io/inferenceservice": "kserve-conformance-probe"},
        "annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": "s3://bucket/model"},
    },
    "spec": {"containers": [{"name": "kserve-container", "image": "none"}]},
}
#: The API server's words for a webhook that gave no answer.
_UNANSWERED = "failed calling webhook"


def install(
    cluster: Cluster,
    provider: Provider,
    release: str,
    how: How = "manifests",
    values: Mapping[str, Any] | None = None,
    *,
    controllers: Collection[str] = (),
) -> Installation:
    """Install `release` instead of any other release that the suite installed, and wait until its webhooks respond.

    values       what a user would set. For `helm`: the names that `--set` takes. For `manifests`: fields of the
                 ConfigMap `inferenceservice-config`, as `section.field`.
    controllers  names of optional controllers (clusters/kserve/controllers.py). The others are left out.
    If the module of a release has no manifests, its Helm charts are used instead, and the notes mention it.
    Raises NoKServe, and NoCluster and ToolFailed from the layers below.
    """
    entry = find(release)
    if how not in WAYS:
        raise NoKServe(f"{how!r} is no way to install KServe; use {' or '.join(WAYS)}")
    beside = chosen(controllers, entry)
    notes = []
    if how == "manifests" and not entry.manifests:
        how, notes = "helm", [f"installed from its chart: the module of {release} has no manifests"]
    objects, changes = adapt(rendered(entry, how, values or {}, beside), entry, beside)
    _refuse_incomplete(entry, objects, beside)
    objects, more = with_agents(objects, cluster)
    certificate = webhook_certificate(NAMESPACE, webhook_services(objects))
    objects = [_labelled(one, entry, how) for one in certified(objects, certificate)]
    images = _images(entry, objects, cluster.images)
    _refuse_foreign(cluster)
    uninstall(cluster, replaced_by=_of(objects, _DEFINITION))

    started = time.monotonic()
    with explained(f"cannot install KServe {entry.release}"), ThreadPoolExecutor(1) as thread:
        loading = thread.submit(provider.load, images)
        _put(cluster.client(), objects, loading.result)
    found = installed(cluster)
    if found is None:
        raise NoKServe(
            f"another program removed KServe {entry.release} during its installation; check that no other run uses the "
            "cluster"
        )
    log.info("KServe %s: serving after %.1f s (%s)", entry.release, time.monotonic() - started, how)
    return replace(found, notes=(*notes, *changes, *more))


def prepare_images(release: str, source: Source) -> None:
    """Build in advance every image that `install` may load. Raises NoKServe and ToolFailed."""
    entry = find(release)
    everything = controllers_of(entry)
    objects, _ = adapt(rendered(entry, "manifests" if entry.manifests else "helm", {}, everything), entry, everything)
    _images(entry, objects, source)


def _images(release: Release, objects: list[Object], source: Source) -> list[Image]:
    """Return the images of the manager and of the controllers beside it."""
    return [
        controller_image(found.name if (found := owner_of(name)) else "manager", release.release, reference, source)
        for name, reference in references(objects).items()
    ]


def _put(client: Client, objects: list[Object], images_loaded: Callable[[], None]) -> None:
    """Apply `objects` in the order of their dependencies, and wait until the webhooks respond."""
    definitions = _of(objects, _DEFINITION)
    hooks = _of(objects, *WEBHOOKS)
    customs = [one for one in objects if one["apiVersion"].startswith("serving.kserve.io/")]
    programs = _of(objects, *WORKLOADS)
    apply(client, _of(objects, "Namespace"))
    first = [one for one in objects if all(one is not later for later in (*hooks, *customs, *programs))]
    apply(client, [one for one in first if one["kind"] != "Namespace"])
    until(lambda: _undefined(client, definitions), DEFINED_WITHIN_S, "KServe's kinds are known to the API server")
    images_loaded()
    apply(client, programs)
    for one in programs:
        _await_program(client, one)
    apply(client, hooks)
    words = partial(_last_words, client, MANAGER)
    until(lambda: _webhook_state(client), WEBHOOK_WITHIN_S, "KServe's webhook answers", words)
    for name in references(objects):
        if controller := owner_of(name):
            _await_webhooks(client, controller, name, definitions)
    apply(client, customs)


def _await_program(client: Client, one: Object) -> None:
    """Wait until a Deployment or DaemonSet has a ready pod. Raises NoKServe if it will have none."""
    name = one["metadata"]["name"]
    what, words = _title(name), partial(_last_words, client, name)
    until(lambda: _program_state(client, name), MANAGER_WITHIN_S, f"{what} is ready", words)


def _await_webhooks(client: Client, controller: Controller, workload: str, definitions: list[Object]) -> None:
    if not controller.probe:
        return
    kind, spec = controller.probe
    definition = next(one for one in definitions if one["spec"]["names"]["kind"] == kind)
    place = _PROBE_NAME if definition["spec"]["scope"] == "Namespaced" else {"name": _PROBE_NAME["name"]}
    probe = kind_of(definition)({"metadata": place, "spec": spec})

    def state() -> str:
        try:
            client.create(probe, dry_run=True)
        except ApiError as refusal:
            said = str(refusal.status.message)
            return said if _UNANSWERED in said else ""
        return ""

    words = partial(_last_words, client, workload)
    until(state, WEBHOOK_WITHIN_S, f"the webhooks of {workload} answer", words)


def _title(workload: str) -> str:
    return "KServe's manager" if workload == MANAGER else f"KServe's {workload}"


def _of(objects: list[Object], *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def _labelled(one: Object, release: Release, how: How) -> Object:
    labels = {**(one["metadata"].get("labels") or {}), LABEL: release.release, HOW_LABEL: how}
    return {**one, "metadata": {**one["metadata"], "labels": labels}}


def _refuse_incomplete(release: Release, objects: list[Object], beside: list[Controller]) -> None:
    """Raise NoKServe if what upstream ships lacks the program of a controller, or the kind that it handles."""
    kinds = {one["spec"]["names"]["kind"] for one in _of(objects, _DEFINITION)}
    programs = [owner_of(name) for name in references(objects)]
    for one in beside:
        wanted = [] if one in programs else [f"Deployment of {one.name}"]
        wanted += [one.probe[0]] if one.probe and one.probe[0] not in kinds else []
        if wanted:
            raise NoKServe(
                f"what KServe {release.release} ships has no {wanted[0]}, which its controller {one.name} needs; "
                "correct clusters/kserve/controllers.py"
            )


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


def _program_state(client: Client, workload: str) -> str:
    """Return "" if a pod of the workload is ready, else its state. Raises NoKServe if none will ever be ready."""
    for pod in _pods(client, workload):
        for status in pod["status"].get("containerStatuses", []):
            if status["ready"]:
                return ""
            waiting = status["state"].get("waiting", {})
            said = f"{waiting.get('reason', 'not ready')} {waiting.get('message', '')}".strip()
            if waiting.get("reason") in NEVER_CREATED or status["restartCount"] >= _ENDED_TOO_OFTEN:
                failure = f"{_title(workload)} cannot start: {said}"
                raise NoKServe("; ".join(filter(None, [failure, _last_words(client, workload)])))
            return f"its container is {said}"
        return f"its pod is {pod['status'].get('phase')}: {'; '.join(conditions(pod, 'False').values())}"
    return "it has no pod"


def _webhook_state(client: Client) -> str:
    try:
        pod = client.create(of_kind("Pod")(_PROBE), dry_run=True)
    except ApiError as refusal:
        return str(refusal.status.message)
    return "" if pod["spec"].get("initContainers") else "a pod is let through without an init container"


def _pods(client: Client, workload: str) -> list[Any]:
    """Return the pods of a workload: in every release, the label `control-plane` has its name."""
    return list(client.list(of_kind("Pod"), namespace=NAMESPACE, labels={"control-plane": workload}))


def _last_words(client: Client, workload: str) -> str:
    for pod in _pods(client, workload):
        try:
            lines = list(
                client.log(pod["metadata"]["name"], namespace=NAMESPACE, container="manager", tail_lines=_LOG_LINES)
            )
        except ApiError:
            continue
        if lines:
            return "its log ends: " + " | ".join(line.strip() for line in lines)
    return ""
