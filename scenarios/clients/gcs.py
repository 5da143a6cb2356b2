"""google-cloud-storage, with a token that was obtained before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from google.cloud import storage  # type: ignore[import-untyped]
from google.oauth2.credentials import Credentials


def jobs(source: str) -> Iterator[tuple[str, Callable[[str], object]]]:
    """Relative path of each file, and what fetches it to the path that it is given."""
    url = urlsplit(source)
    store = storage.Client("conformance", Credentials(os.environ["REFERENCE_TOKEN"]))  # type: ignore[no-untyped-call]
    prefix = f"{url.path[1:]}/"
    for blob in store.list_blobs(url.netloc, prefix=prefix):
        yield blob.name.removeprefix(prefix), blob.download_to_filename
