"""The reference clients: `python program.py STORE SRC DEST` downloads SRC as a plain script would.

A client lists what there is and fetches four files at a time (as many as KServe does by default), each by the one call
of the store's SDK that its documentation shows first, with that call's own defaults. A program of its own: it runs
where initializers run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: Files at a time.
FILES = 4

#: Relative path -> what fetches the file to the path that it is given.
Jobs = Iterable[tuple[str, Callable[[str], object]]]


def s3(source: str) -> Jobs:
    """boto3, a client for all threads."""
    import boto3  # type: ignore[import-untyped] # noqa: PLC0415 -- only the one that is asked for
    from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415

    url = urlsplit(source)
    store = boto3.client("s3", config=Config(max_pool_connections=64))
    prefix = f"{url.path[1:]}/"
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=url.netloc, Prefix=prefix)
    for key in (found["Key"] for page in pages for found in page["Contents"]):
        yield key.removeprefix(prefix), partial(store.download_file, url.netloc, key)


def gcs(source: str) -> Jobs:
    """google-cloud-storage, with a token that was obtained before."""
    from google.cloud import storage  # type: ignore[import-untyped] # noqa: PLC0415
    from google.oauth2.credentials import Credentials  # noqa: PLC0415

    url = urlsplit(source)
    store = storage.Client("conformance", Credentials(os.environ["REFERENCE_TOKEN"]))  # type: ignore[no-untyped-call]
    prefix = f"{url.path[1:]}/"
    for blob in store.list_blobs(url.netloc, prefix=prefix):
        yield blob.name.removeprefix(prefix), blob.download_to_filename


def azure_blob(source: str) -> Jobs:
    """azure-storage-blob."""
    from azure.storage.blob import ContainerClient  # noqa: PLC0415

    url = urlsplit(source)
    container, _, prefix = url.path[1:].partition("/")
    key = os.environ["AZURE_STORAGE_ACCESS_KEY"]
    store = ContainerClient(f"https://{url.netloc}", container, credential=key)

    def fetch(name: str, path: str) -> None:
        with Path(path).open("wb") as stream:
            store.download_blob(name).readinto(stream)

    for name in store.list_blob_names(name_starts_with=f"{prefix}/"):
        yield name.removeprefix(f"{prefix}/"), partial(fetch, name)


def hf(source: str) -> Jobs:
    """huggingface_hub, file by file."""
    from huggingface_hub import HfApi, hf_hub_download  # noqa: PLC0415

    repository = source.removeprefix("hf://")

    def fetch(name: str, path: str) -> None:
        hf_hub_download(repository, name, local_dir=path.removesuffix(name))

    for name in HfApi().list_repo_files(repository):
        yield name, partial(fetch, name)


def http(source: str) -> Jobs:
    """requests, in pieces of 1 MiB."""
    import requests  # noqa: PLC0415

    url = urlsplit(source)
    headers = json.loads(os.environ.get(f"{url.hostname}-headers", "{}"))

    def fetch(path: str) -> None:
        with requests.get(source, headers=headers, stream=True, timeout=60) as answer, Path(path).open("wb") as stream:
            answer.raise_for_status()
            for piece in answer.iter_content(1 << 20):
                stream.write(piece)

    yield url.path.rpartition("/")[2], fetch


def main(store: str, source: str, destination: str) -> None:
    """Fetch everything; any error ends the program with its traceback."""
    clients: dict[str, Any] = {"s3": s3, "gcs": gcs, "azure-blob": azure_blob, "hf": hf, "http": http}
    with ThreadPoolExecutor(FILES) as threads:
        running = []
        for name, fetch in clients[store](source):
            path = Path(destination, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            running.append(threads.submit(fetch, str(path)))
        for job in running:
            job.result()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: program.py STORE SRC DEST")
    main(*sys.argv[1:])
