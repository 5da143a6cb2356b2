"""Namespaces on a cluster for the length of a run, and how anything on a cluster is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import lightkube
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from clusters.base import RUN_LABEL, Cluster
from scenarios import kubernetes
from scenarios.kubernetes import client_create

#: Seconds that the API server, KServe's caches and its controller have before a test gives up on them.
DEADLINE_S = 30.0
#: Seconds between two looks at the cluster.
INTERVAL_S = 0.05

T = TypeVar("T")


class Unsettled(Exception):
    """The cluster did not come to the state that a test needs; the text has the last state seen."""


def wait(
    look: Callable[[], T | None],
    what: str,
    last_seen: Callable[[], object] = lambda: "",
    seconds: float = DEADLINE_S,
) -> T:
    """The first answer of `look` that is not None. Raises Unsettled after `seconds`, with the last state seen."""
    until = time.monotonic() + seconds
    while (seen := look()) is None:
        if time.monotonic() > until:
            raise Unsettled(f"{what}: not after {seconds:.0f} s; last seen: {last_seen()}")
        time.sleep(INTERVAL_S)
    return seen


@dataclass(frozen=True)
class Tenant:
    """A namespace that the tests of one process share, with a ServingRuntime `conformance`."""

    cluster: Cluster
    namespace: str
    run: str

    @classmethod
    def move_in(cls, cluster: Cluster, run: str, worker: str) -> Tenant:
        """Make the namespace of process `worker` in the run with id `run`."""
        tenant = cls(cluster, f"conformance-{run}-{worker}", run)
        open_namespace(cluster, tenant.namespace, {RUN_LABEL: run})
        runtime = kubernetes.serving_runtime("conformance")
        runtime["metadata"]["namespace"] = tenant.namespace
        client_create(cluster.client(), runtime)
        return tenant

    def move_out(self) -> None:
        """Have the namespace removed, without waiting for it."""
        self.cluster.client().delete(Namespace, self.namespace)


def open_namespace(cluster: Cluster, name: str, labels: Mapping[str, str]) -> None:
    """Make a namespace in which pods can be made: its ServiceAccount `default` arrives a moment later."""
    client = cluster.client()
    client.create(Namespace(metadata=ObjectMeta(name=name, labels=dict(labels))))

    def account() -> bool | None:
        try:
            client.get(ServiceAccount, "default", namespace=name)
        except lightkube.ApiError as error:
            if error.status.code == 404:
                return None
            raise
        return True

    wait(account, f"the ServiceAccount of the new namespace {name}")
