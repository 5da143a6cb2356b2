"""azure-storage-blob."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from azure.storage.blob import ContainerClient


def jobs(source: str) -> Iterator[tuple[str, Callable[[str], object]]]:
    """The relative path of each file, and a function that downloads it to a given path."""
    url = urlsplit(source)
    container, _, prefix = url.path[1:].partition("/")
    key = os.environ["AZURE_STORAGE_ACCESS_KEY"]
    store = ContainerClient(f"https://{url.netloc}", container, credential=key)

    def fetch(name: str, path: str) -> None:
        with Path(path).open("wb") as stream:
            store.download_blob(name).readinto(stream)

    for name in store.list_blob_names(name_starts_with=f"{prefix}/"):
        yield name.removeprefix(f"{prefix}/"), partial(fetch, name)
