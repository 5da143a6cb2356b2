"""The stand-in for Azure Files, asked as KServe's initializer asks."""

from __future__ import annotations

import email.utils
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

from scenarios.servers import azure_files
from scenarios.stores.azure_files import AzureFiles
from scenarios.stores.base import AccessKind, Tree
from tests.direct_requests import ODD, TREE, ask

STORE = AzureFiles
#: The tree with names that a share takes.
SHARE: Tree = {path.replace("?", ""): content for path, content in TREE.items()}


def parse(xml: bytes) -> ET.Element:
    """Parse what the suite's own server wrote. Return its root."""
    return ET.fromstring(xml)  # noqa: S314


def test_a_share_is_listed_page_by_page(store: AzureFiles) -> None:
    store.put({"model/a.bin": b"abc", "model/b.bin": b"", "model/sub/c.bin": b""})
    url = f"{store.uri('model')}?restype=directory&comp=list&maxresults=2&{store.access('session').query}"
    first = parse(ask(store, url).body)
    assert [name.text for name in first.iterfind("Entries/File/Name")] == ["a.bin", "b.bin"]
    assert first.findtext("Entries/File/Properties/Content-Length") == "3"
    second = parse(ask(store, f"{url}&marker={first.findtext('NextMarker')}").body)
    assert (second.findtext("Entries/Directory/Name"), second.findtext("NextMarker")) == ("sub", "")


def test_ranges(store: AzureFiles) -> None:
    store.put(SHARE)
    sas = store.access("session").query
    part = ask(store, f"{store.uri('model/a.bin')}?{sas}", {"x-ms-range": "bytes=2-99"})
    assert (part.status, part.headers["Content-Range"], part.body) == (206, "bytes 2-9/10", b"23456789")
    empty = ask(store, f"{store.uri('model/empty.txt')}?{sas}", {"x-ms-range": "bytes=0-99"})
    assert (empty.status, empty.headers["x-ms-error-code"]) == (416, "InvalidRange")
    encoded = f"{store.uri()}/{quote(ODD.replace('?', ''), safe='')}?{sas}"
    assert ask(store, encoded).body == b"odd"


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("model/b.bin", "ResourceNotFound"),
        ("model/x/b.bin", "ParentNotFound"),
        ("model", "ResourceNotFound"),
    ],
)
def test_what_is_not_there(store: AzureFiles, place: str, code: str) -> None:
    store.put(SHARE)
    answer = ask(store, f"{store.uri(place)}?{store.access('session').query}")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (404, code)
    assert parse(answer.body).findtext("Code") == code
    missing = ask(store, f"{store.missing()}?{store.access('session').query}")
    assert missing.headers["x-ms-error-code"] == "ShareNotFound"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("session", 200, None),
        ("denied", 403, "AuthorizationPermissionMismatch"),
        ("none", 401, "NoAuthenticationInformation"),
    ],
)
def test_sas(store: AzureFiles, kind: AccessKind, status: int, code: str | None) -> None:
    store.put(SHARE)
    answer = ask(store, f"{store.uri('model/a.bin')}?{store.access(kind).query}")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (status, code)


@pytest.mark.parametrize(("kind", "status"), [("valid", 200), ("wrong", 403)])
def test_shared_keys(store: AzureFiles, kind: AccessKind, status: int) -> None:
    """The string to sign is Microsoft's; here it is written out for one request."""
    store.put(SHARE)
    key = store.access(kind).environment["AZURE_STORAGE_ACCESS_KEY"]
    date = email.utils.formatdate(usegmt=True)
    no_standard_headers = "\n" * 12
    text = f"GET{no_standard_headers}x-ms-date:{date}\nx-ms-version:2022-11-02\n/modelfiles/{store.case}/model/a.bin"
    signature = azure_files._signature(key, text)
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2022-11-02",
        "Authorization": f"SharedKey modelfiles:{signature}",
    }
    assert ask(store, store.uri("model/a.bin"), headers).status == status
