"""Remove what runs created in a cluster: namespaces with their content, and cluster-scoped objects."""

from __future__ import annotations

import time
from typing import Any

import httpx
from lightkube import ApiError, Client
from lightkube.operators import exists
from lightkube.resources.core_v1 import Namespace, PersistentVolume
from lightkube.types import PatchType

from clusters.base import RUN_LABEL, Cluster
from clusters.kserve.api import Kind, absent_is_fine, of_kind

#: Seconds in which KServe's controller handles the finalizers of caches. They need their node groups for it.
_LET_GO_S = 20.0
_ASK_AGAIN_S = 0.2


def sweep(cluster: Cluster, run: str | None = None) -> list[str]:
    """Request the removal of everything that `run` created, or any run if None.

    Waits for model caches alone: without its controller, a cache keeps its finalizer, and this function removes it.
    Returns `kind name` of each object.
    """
    client, label = cluster.client(), run or exists()
    swept = []
    for kind in (of_kind("ClusterStorageContainer"), Namespace, of_kind("LocalModelCache"), PersistentVolume):
        swept += _swept(client, kind, label)
    _let_go(client, label)
    return [*swept, *_swept(client, of_kind("LocalModelNodeGroup"), label)]


def _swept(client: Client, kind: Kind, label: Any) -> list[str]:  # noqa: ANN401 - a value or an operator of lightkube
    found = []
    with absent_is_fine():  # a cluster without KServe's definitions
        for one in client.list(kind, labels={RUN_LABEL: label}):
            name = _name(one)
            with absent_is_fine():
                _delete(client, kind, name)
            found.append(f"{kind.__name__} {name}")
    return found


def _delete(client: Client, kind: Kind, name: str) -> None:
    try:
        client.delete(kind, name)
    except ApiError as refusal:
        # KServe refuses to delete a cache while a service uses it. The namespace with the service is going.
        if refusal.status.code != httpx.codes.FORBIDDEN:
            raise


def _let_go(client: Client, label: Any) -> None:  # noqa: ANN401 - as above
    caches, deadline = of_kind("LocalModelCache"), time.monotonic() + _LET_GO_S
    while _swept(client, caches, label):
        if time.monotonic() > deadline:
            for one in client.list(caches, labels={RUN_LABEL: label}):
                abandon(client, _name(one))
            return
        time.sleep(_ASK_AGAIN_S)


def abandon(client: Client, cache: str) -> None:
    """Remove a LocalModelCache that its controller does not let go, and its entries on the nodes.

    The agents of the nodes then remove its folder and its job, and the API server its volumes and claims.
    """
    nodes = of_kind("LocalModelNode")
    with absent_is_fine():
        for node in client.list(nodes):
            entries = node["spec"].get("localModels") or []
            rest = [one for one in entries if one["modelName"] != cache]
            if rest != entries:
                client.patch(nodes, _name(node), {"spec": {"localModels": rest}}, patch_type=PatchType.MERGE)
        none = {"metadata": {"finalizers": None}}
        client.patch(of_kind("LocalModelCache"), cache, none, patch_type=PatchType.MERGE)


def _name(one: Any) -> str:  # noqa: ANN401 - generic and typed resources
    return str(one.metadata.name)
