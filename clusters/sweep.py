"""What runs made in a cluster, removed: namespaces with all that is in them, and objects of the whole cluster."""

from __future__ import annotations

from lightkube import ApiError
from lightkube.generic_resource import create_global_resource
from lightkube.operators import exists
from lightkube.resources.core_v1 import Namespace

from clusters.base import RUN_LABEL, Cluster

STORAGE_CONTAINER = create_global_resource(
    "serving.kserve.io", "v1alpha1", "ClusterStorageContainer", "clusterstoragecontainers"
)


def sweep(cluster: Cluster, run: str | None = None) -> list[str]:
    """Ask for the removal of everything that `run` made, or any run if None; nothing is waited for.

    Returns `kind name` of each object.
    """
    client, labels = cluster.client(), {RUN_LABEL: run or exists()}
    swept = []
    for kind in (STORAGE_CONTAINER, Namespace):
        try:
            for one in client.list(kind, labels=labels):
                client.delete(kind, str(one.metadata.name))
                swept.append(f"{kind.__name__} {one.metadata.name}")
        except ApiError as error:
            if error.status.code != 404:  # gone already, or a cluster without KServe's definitions
                raise
    return swept
