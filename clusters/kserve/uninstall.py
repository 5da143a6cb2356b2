"""Remove a KServe that the suite installed, even if its installation was interrupted."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from functools import partial
from typing import Any

from lightkube import Client
from lightkube.operators import exists

from clusters.base import Cluster
from clusters.kserve.adaptations import LABEL, WORKLOADS, Object
from clusters.kserve.api import absent_is_fine, conditions, explained, objects_of, of_kind, remove, until
from clusters.kserve.controllers import WEBHOOKS

log = logging.getLogger("conformance.setup")

REMOVED_WITHIN_S = 90
_DEFINITION = "CustomResourceDefinition"
_REST = ("Namespace", "ClusterRoleBinding", "ClusterRole")


def uninstall(cluster: Cluster, replaced_by: Collection[Object] = ()) -> None:
    """Remove every object that the suite installed, and every object of KServe's kinds. Raises NoKServe.

    replaced_by  the CustomResourceDefinitions of the next release. Those that have the same versions remain, without
                 objects, and the next release replaces their content. The API server takes seconds to delete the
                 largest, and as long to create it.
    """
    client, started = cluster.client(), time.monotonic()
    with explained("cannot remove KServe"):
        # Webhooks first: without a manager, they would reject every later step.
        for kind in WEBHOOKS:
            remove(client, of_kind(kind), _ours(client, kind))
        definitions = _ours(client, _DEFINITION)
        _remove_custom_objects(client, definitions)
        kept = {one["metadata"]["name"]: _versions(one) for one in replaced_by}
        going = [one for one in definitions if not _stored(one) <= kept.get(one["metadata"]["name"], set())]
        remove(client, of_kind(_DEFINITION), going)
        # Before its namespace, because deleting a namespace takes twice as long while it contains pods.
        for kind in WORKLOADS:
            remove(client, of_kind(kind), client.list(of_kind(kind), namespace="*", labels={LABEL: exists()}))
        for kind in _REST:
            remove(client, of_kind(kind), _ours(client, kind))
        until(lambda: _left(client, going), REMOVED_WITHIN_S, "KServe is removed")
    if definitions:
        release, seconds = definitions[0]["metadata"]["labels"][LABEL], time.monotonic() - started
        log.info("KServe %s: removed in %.1f s", release, seconds)


def _versions(definition: Object) -> set[str]:
    return {one["name"] for one in definition["spec"]["versions"]}


def _stored(definition: Object) -> set[str]:
    """Return the versions that objects may be stored in: the API server refuses a definition that lacks one of them."""
    return set(definition.get("status", {}).get("storedVersions") or _versions(definition))


def _ours(client: Client, kind: str) -> list[Any]:
    return list(client.list(of_kind(kind), labels={LABEL: exists()}))


def _remove_custom_objects(client: Client, definitions: list[Any]) -> None:
    """Remove all custom objects, in every namespace: without a controller, their finalizers would block deletion."""
    for definition in definitions:
        until(partial(_emptied, client, definition), REMOVED_WITHIN_S, "the objects of KServe's kinds are removed")


def _emptied(client: Client, definition: Object) -> str:
    with absent_is_fine():
        kind, found = objects_of(client, definition)
        remove(client, kind, found)
        # Repeat until none is left: the controller can add a finalizer after the objects were listed.
        return _held(kind.__name__, found[0]) if found else ""
    return ""


def _held(kind: str, one: Object) -> str:
    finalizers = ", ".join(one["metadata"].get("finalizers") or ())
    still = f"{kind} {one['metadata']['name']} is still there"
    return f"{still}, held by {finalizers}" if finalizers else still


def _left(client: Client, definitions: list[Any]) -> str:
    """Describe the first object that is left, and the API server's reason for it; "" if none is left."""
    rest = [(kind, one) for kind in (*WEBHOOKS, *_REST) for one in _ours(client, kind)]
    for definition in () if rest else definitions:
        with absent_is_fine():
            rest.append((_DEFINITION, client.get(of_kind(_DEFINITION), definition["metadata"]["name"])))
            break
    for kind, one in rest[:1]:
        said = list(conditions(one, "True").values())
        return ": ".join([f"{kind} {one['metadata']['name']} is still there", *said[-1:]])
    return ""
