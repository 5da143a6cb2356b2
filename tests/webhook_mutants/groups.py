"""The modules that declare mutants, one for each kind of thing that they alter."""

from __future__ import annotations

import importlib

from tests.webhook_mutants.registry import ALL, Registry

#: Module -> what its mutants alter, as the page says it.
GROUPS = {
    "containers": "Containers",
    "declared": "Images and resources",
    "environment": "Environment",
    "mounts": "Mounts",
    "claims": "Claims",
    "credentials": "Credentials",
    "images": "Models in images",
    "refusals": "Refusals",
    "selectors": "Selectors",
    "flow": "Services that run",
}


def load() -> Registry:
    """All mutants of the webhook."""
    for group in GROUPS:
        importlib.import_module(f"tests.webhook_mutants.{group}")
    return ALL
