"""The modules that declare mutants, one for each kind of change."""

from __future__ import annotations

import importlib

from tests.webhook_mutants.registry import ALL, Registry

#: Module -> what its mutants change, as a heading of the page.
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
    "nodes": "Models over several nodes",
    "agents": "TrainedModels and their agent",
    "flow": "Services that run",
    "llm": "LLMInferenceServices",
    "caches": "Local model cache",
}


def load() -> Registry:
    """Load all mutants of the webhook."""
    for group in GROUPS:
        importlib.import_module(f"tests.webhook_mutants.{group}")
    return ALL
