"""`https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH`, by the Blob service's REST API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from initializer import azure, remote
from initializer.azure import Store
from initializer.failure import not_found
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = azure.BACKEND
FORM = "https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH"


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The blob, or all blobs below the prefix."""
    store = azure.opened(uri, FORM, environment)
    found = False
    for name, blob in remote.named(store.path, remote.once(listing(store), store.site.resource)):
        found = True
        reading = partial(store.read, azure.name_of(blob), blob.findtext("Properties/Etag") or "")
        yield RemoteFile(name, int(blob.findtext("Properties/Content-Length") or 0), reading)
    if not found:
        raise not_found(store.site.resource, f"No model found at {store.path!r}. {store.remedy}")


def listing(store: Store) -> Iterator[tuple[str, ET.Element]]:
    """The blobs whose names start with the path; folders of a hierarchical account are none."""
    query = {"restype": "container", "comp": "list", "prefix": store.path, "include": "metadata"}
    marker = ""
    while True:
        page = store.listed(store.url("", urlencode(query | ({"marker": marker} if marker else {}))))
        for blob in page.iterfind("Blobs/Blob"):
            if not is_folder(blob):
                yield azure.name_of(blob), blob
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return


def is_folder(blob: ET.Element) -> bool:
    """Whether the blob stands for a folder of a hierarchical account."""
    marked = (blob.findtext("Metadata/hdi_isfolder") or "").lower() == "true"
    return marked or blob.findtext("Properties/ResourceType") == "directory"
