"""Remove what runs created in a cluster: namespaces with their content, and cluster-scoped objects."""

from __future__ import annotations

from typing import cast

import httpx
from lightkube.operators import exists
from lightkube.resources.core_v1 import Namespace, PersistentVolume

from clusters.base import RUN_LABEL, Cluster
from clusters.kserve.api import of_kind


def sweep(cluster: Cluster, run: str | None = None) -> list[str]:
    """Request the removal of everything that `run` created, or any run if None, without waiting for it.

    Returns `kind name` of each object.
    """
    client = cluster.client()
    swept = []
    for kind in (of_kind("ClusterStorageContainer"), Namespace, PersistentVolume):
        try:
            for one in client.list(kind, labels={RUN_LABEL: run or exists()}):
                name = str(cast("Namespace", one).metadata.name)  # type: ignore[union-attr]
                client.delete(kind, name)
                swept.append(f"{kind.__name__} {name}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:  # gone already, or a cluster without KServe's definitions
                raise
    return swept
