"""Mutants of models over several nodes: the Deployments of head and workers, and what the status says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scenarios.cluster.kubernetes import WORKER, Object
from scenarios.cluster.reconciliation import Reconciled, Reconciliation
from tests.webhook_mutants.parts import cars, containers, initializers, named
from tests.webhook_mutants.seams import declare_on, pods

HEAD, WORKERS = "predictor", "predictor-worker"


def reconciled(*rules: str) -> Callable[[Callable[[Reconciled], Reconciled]], Callable[[Reconciled], Reconciled]]:
    """Replace what the controller made of every service."""
    return declare_on(Reconciliation, "outcome", rules)


@reconciled("NODES-001[worker]", "NODES-002[worker]", "NODES-003[worker]")
def there_are_no_workers(seen: Reconciled) -> Reconciled:
    """The controller creates the head alone."""
    return replace(seen, pods={name: pod for name, pod in seen.pods.items() if name != WORKERS})


@reconciled("NODES-001[head]", "NODES-002[head]", "NODES-003[head]")
def there_is_no_head(seen: Reconciled) -> Reconciled:
    """The controller creates the workers alone."""
    return replace(seen, pods={name: pod for name, pod in seen.pods.items() if name != HEAD})


@reconciled("NODES-003[worker]")
def the_workers_are_cleaned_up(seen: Reconciled) -> Reconciled:
    """The controller takes the Deployment of the workers for one of an earlier service."""
    return replace(seen, gone=[*seen.gone, WORKERS])


@reconciled("NODES-003[head]")
def the_head_is_cleaned_up(seen: Reconciled) -> Reconciled:
    """The controller takes the Deployment of the head for one of an earlier service."""
    return replace(seen, gone=[*seen.gone, HEAD])


@reconciled("NODES-004")
def the_runtime_is_not_mentioned(seen: Reconciled) -> Reconciled:
    """The status says nothing of a runtime without a worker."""
    return replace(seen, status='{"conditions": [{"type": "Ready", "status": "False", "message": "not ready"}]}')


@pods("NODES-001[worker]")
def a_worker_mounts_the_whole_claim(pod: Object) -> None:
    """The worker sees the root of the claim where the head sees the model."""
    for one in named(pod, WORKER):
        for mount in one.get("volumeMounts") or ():
            mount.pop("subPath", None)


@pods("NODES-001[worker]")
def a_worker_downloads(pod: Object) -> None:
    """The worker fetches a copy of its own besides the claim."""
    if named(pod, WORKER):
        pod["spec"]["initContainers"] = [*initializers(pod), {"name": "storage-initializer", "image": "x"}]


@pods("NODES-002[worker]")
def a_worker_has_no_modelcar(pod: Object) -> None:
    """The image of the model runs beside the head alone."""
    if named(pod, WORKER):
        pod["spec"]["containers"] = [one for one in containers(pod) if one not in cars(pod)]
