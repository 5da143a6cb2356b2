"""The stores, by the name that options, rules and reports give them."""

from __future__ import annotations

from scenarios.stores.azure_blob import AzureBlob
from scenarios.stores.azure_files import AzureFiles
from scenarios.stores.base import Store
from scenarios.stores.gcs import GCS
from scenarios.stores.git import Git
from scenarios.stores.hf import HuggingFace
from scenarios.stores.http import HTTP
from scenarios.stores.local import Local
from scenarios.stores.model_registry import ModelRegistry
from scenarios.stores.oci import OCI
from scenarios.stores.pvc import PVC
from scenarios.stores.s3 import S3
from scenarios.stores.webhdfs import WebHDFS

STORES: dict[str, type[Store]] = {
    store.name: store
    for store in (S3, GCS, AzureBlob, AzureFiles, HTTP, HuggingFace, WebHDFS, Git, OCI, PVC, Local, ModelRegistry)
}

__all__ = [
    "GCS",
    "HTTP",
    "OCI",
    "PVC",
    "S3",
    "STORES",
    "AzureBlob",
    "AzureFiles",
    "Git",
    "HuggingFace",
    "Local",
    "ModelRegistry",
    "Store",
    "WebHDFS",
]
