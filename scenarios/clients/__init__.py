"""Reference clients: the stores' own SDKs as a plain script uses them, to hold times against."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from pathlib import Path

from scenarios.initializers.base import Initializer
from scenarios.initializers.command import Command
from scenarios.servers.base import require_packages

#: Store -> the package that its reference client is, the module that it is imported by, and the call that it makes.
CLIENTS = {
    "s3": ("boto3", "boto3", "download_file"),
    "gcs": ("google-cloud-storage", "google.cloud.storage", "download_to_filename"),
    "azure-blob": ("azure-storage-blob", "azure.storage.blob", "readinto"),
    "hf": ("huggingface-hub", "huggingface_hub", "hf_hub_download"),
    "http": ("requests", "requests", "iter_content"),
}


def client(store: str) -> Initializer:
    """The reference client of a store: called as an initializer is. Raises Unavailable without its package."""
    require_packages(CLIENTS[store][1])
    return Command(shlex.join([sys.executable, "-P", str(Path(__file__).with_name("program.py")), store]))


def description(store: str) -> str:
    """What the reference client of a store is, with its release."""
    package, _, call = CLIENTS[store]
    return f"{package} {importlib.metadata.version(package)}, {call}"
