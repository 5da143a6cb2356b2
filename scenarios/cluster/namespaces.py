"""Namespaces that exist for the duration of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightkube
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from clusters.base import RUN_LABEL, Cluster
from scenarios.cluster import kubernetes
from scenarios.cluster.kubernetes import client_create
from scenarios.cluster.waiting import wait


@dataclass(frozen=True)
class RunNamespace:
    """A namespace with the ServingRuntime `conformance`, shared by the tests of one process."""

    cluster: Cluster
    namespace: str
    run: str

    @classmethod
    def create(cls, cluster: Cluster, run: str, worker: str) -> RunNamespace:
        """Create the namespace of process `worker` for the run with ID `run`."""
        run_namespace = cls(cluster, f"conformance-{run}-{worker}", run)
        open_namespace(cluster, run_namespace.namespace, {RUN_LABEL: run})
        runtime = kubernetes.serving_runtime("conformance")
        runtime["metadata"]["namespace"] = run_namespace.namespace
        client_create(cluster.client(), runtime)
        return run_namespace

    def delete(self) -> None:
        """Request the deletion of the namespace without waiting for it."""
        self.cluster.client().delete(Namespace, self.namespace)


def open_namespace(cluster: Cluster, name: str, labels: Mapping[str, str]) -> None:
    """Create a namespace and wait until it accepts pods: its ServiceAccount `default` appears a little later."""
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
