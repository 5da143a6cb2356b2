"""The stores, by their name in options, rules and reports."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from scenarios.stores.base import Store

#: Module of this package -> its store class.
_CLASSES = {
    "s3": "S3",
    "gcs": "GCS",
    "azure_blob": "AzureBlob",
    "azure_files": "AzureFiles",
    "http": "HTTP",
    "hf": "HuggingFace",
    "webhdfs": "WebHDFS",
    "git": "Git",
    "oci": "OCI",
    "pvc": "PVC",
    "local": "Local",
    "model_registry": "ModelRegistry",
}


def _kinds() -> Iterator[type[Store]]:
    for module, name in _CLASSES.items():
        yield getattr(import_module(f"{__name__}.{module}"), name)


STORES = {kind.name: kind for kind in _kinds()}

__all__ = ["STORES", "Store"]
