"""`https://ACCOUNT.file.core.windows.net/SHARE/PATH`, by the File service's REST API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from initializer import azure, remote
from initializer.azure import Store
from initializer.failure import Failure
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = azure.BACKEND
FORM = "https://ACCOUNT.file.core.windows.net/SHARE/PATH"


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """All files below the folder, or the file."""
    store = azure.opened(uri, FORM, environment)
    path = store.path.rstrip("/")
    try:
        first = children(store, path)
    except azure.Missing as missing:
        yield single(store, path, missing)
        return
    yield from walk(store, path, "", first)


def single(store: Store, path: str, missing: Failure) -> RemoteFile:
    """The file at a path that is no folder. Raises Failure where there is none: `missing`, if that is all."""
    parent, _, name = path.rpartition("/")
    for entry in children(store, parent):
        if entry.tag == "File" and azure.name_of(entry) == name:
            return one(store, path, name, entry)
    raise missing


def walk(store: Store, root: str, below: str, listed: list[ET.Element]) -> Iterator[RemoteFile]:
    """The files of a folder and of those in it."""
    for entry in listed:
        name = f"{below}/{azure.name_of(entry)}".lstrip("/")
        path = f"{root}/{name}".lstrip("/")
        if entry.tag == "File":
            yield one(store, path, name, entry)
        else:
            yield from walk(store, root, name, children(store, path))


def one(store: Store, path: str, name: str, entry: ET.Element) -> RemoteFile:
    """A file as it was listed."""
    return RemoteFile(name, int(entry.findtext("Properties/Content-Length") or 0), partial(store.read, path, ""))


def children(store: Store, path: str) -> list[ET.Element]:
    """What lies in a folder, each once."""
    found = ((f"{entry.tag} {azure.name_of(entry)}", entry) for entry in entries(store, path))
    return [entry for _, entry in remote.once(found, store.site.resource)]


def entries(store: Store, path: str) -> Iterator[ET.Element]:
    """What lies in a folder, page by page."""
    marker = ""
    while True:
        query = {"restype": "directory", "comp": "list", **({"marker": marker} if marker else {})}
        page = store.listed(store.url(path, urlencode(query)))
        yield from page.iterfind("Entries/*")
        marker = page.findtext("NextMarker") or ""
        if not marker:
            return
