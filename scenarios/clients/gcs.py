"""google-cloud-storage, with a token obtained in advance."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from google.cloud import storage  # type: ignore[import-untyped]
from google.oauth2.credentials import Credentials


def jobs(source: str) -> Iterator[tuple[str, Callable[[str], object]]]:
    """The relative path of each file, and a function that downloads it to a given path."""
    url = urlsplit(source)
    store = storage.Client("conformance", Credentials(os.environ["REFERENCE_TOKEN"]))  # type: ignore[no-untyped-call]
    prefix = f"{url.path[1:]}/"
    for blob in store.list_blobs(url.netloc, prefix=prefix):
        yield blob.name.removeprefix(prefix), blob.download_to_filename
