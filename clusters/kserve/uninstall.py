"""Removal of a KServe that the suite installed, whole or cut off half-way."""

from __future__ import annotations

import logging
import time
from typing import Any

from lightkube import Client
from lightkube.operators import exists

from clusters.base import Cluster
from clusters.kserve.adaptations import LABEL
from clusters.kserve.api import absent_is_fine, conditions, explained, objects_of, of_kind, remove, until

log = logging.getLogger("conformance.setup")

REMOVED_WITHIN_S = 90
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_REST = ("Namespace", "ClusterRoleBinding", "ClusterRole")


def uninstall(cluster: Cluster) -> None:
    """Remove every object of an installation by the suite, and every object of KServe's kinds. Raises NoKServe."""
    client, started = cluster.client(), time.monotonic()
    with explained("cannot remove KServe"):
        # Webhooks first: nobody would answer them any more, and they would refuse every later step.
        for kind in _WEBHOOKS:
            remove(client, of_kind(kind), _ours(client, kind))
        definitions = _ours(client, "CustomResourceDefinition")
        _remove_custom_objects(client, definitions)
        for kind in _REST:
            remove(client, of_kind(kind), _ours(client, kind))
        remove(client, of_kind("CustomResourceDefinition"), definitions)
        until(lambda: _left(client), REMOVED_WITHIN_S, "KServe is removed")
    if definitions:
        log.info(
            "KServe %s: removed in %.1f s", definitions[0]["metadata"]["labels"][LABEL], time.monotonic() - started
        )


def _ours(client: Client, kind: str) -> list[Any]:
    return list(client.list(of_kind(kind), labels={LABEL: exists()}))


def _remove_custom_objects(client: Client, definitions: list[Any]) -> None:
    """InferenceServices and the like, in every namespace: their controller goes, and their finalizers would stay."""
    for definition in definitions:
        with absent_is_fine():
            remove(client, *objects_of(client, definition))


def _left(client: Client) -> str:
    """What is still there, with what the API server says stands in its way; the definitions, which are large, last."""
    for kind in (*_WEBHOOKS, *_REST, "CustomResourceDefinition"):
        for one in _ours(client, kind):
            said = list(conditions(one, "True").values())
            return ": ".join([f"{kind} {one['metadata']['name']} is still there", *said[-1:]])
    return ""
