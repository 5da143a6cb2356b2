"""The stand-in for Azure Files, as Microsoft's own client reads it, and what it refuses as the service does."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

import pytest

from scenarios.reasons import NotOffered
from scenarios.servers import azure_files
from scenarios.servers.azure_files import ACCOUNT, HOST, answer
from scenarios.servers.standin import Asked, Reply
from scenarios.stores.azure_files import AzureFiles
from scenarios.stores.base import Access, AccessKind, Tree

# The official client; the untyped way, because it is no dependency of the suite.
fileshare: Any = pytest.importorskip("azure.storage.fileshare", reason="azure-storage-file-share is missing")

STORE = AzureFiles
TREE: Tree = {"model/a.bin": b"0123456789", "model/empty.bin": b"", "model/b c/%41ü.bin": b"odd"}
DATE = "x-ms-date"
FRESH = {"x-ms-version": "2022-11-02", DATE: ""}
LISTING = {"restype": "directory", "comp": "list"}


def share(store: AzureFiles, access: Access) -> Any:  # noqa: ANN401 -- the client's class
    """The case's share, for the official client."""
    return fileshare.ShareClient.from_share_url(
        store.uri() + (f"?{access.query}" if access.query else ""),
        credential=access.environment.get("AZURE_STORAGE_ACCESS_KEY"),
        proxies={"https": store.gateway.proxy_url},
        connection_verify=str(store.gateway.ca),
        retry_total=0,
    )


def walk(client: Any, folder: str) -> dict[str, bytes]:  # noqa: ANN401
    found: dict[str, bytes] = {}
    for entry in client.list_directories_and_files(folder):
        path = f"{folder}/{entry.name}"
        found |= (
            walk(client, path) if entry.is_directory else {path: client.get_file_client(path).download_file().readall()}
        )
    return found


@pytest.mark.parametrize("kind", ["valid", "session"])
def test_the_official_client_reads_a_tree(store: AzureFiles, kind: AccessKind) -> None:
    store.put(TREE)
    with share(store, store.access(kind)) as client:
        assert walk(client, "model") == TREE
        assert client.get_directory_client("model").exists()
        assert not client.get_directory_client("other").exists()
        assert client.get_file_client("model/a.bin").get_file_properties().size == 10
        assert client.get_file_client("model/a.bin").download_file(offset=2, length=3).readall() == b"234"
        assert client.get_file_client("MODEL/A.bin").download_file().readall() == b"0123456789"
        assert [entry.name for entry in client.list_directories_and_files("model", name_starts_with="e")] == [
            "empty.bin"
        ]
        pages = client.list_directories_and_files("model", results_per_page=2).by_page()
        assert [len(list(page)) for page in pages] == [2, 1]


@pytest.mark.parametrize(
    ("kind", "code"), [("wrong", "AuthenticationFailed"), ("denied", "AuthorizationPermissionMismatch")]
)
def test_the_official_client_reads_the_refusal(store: AzureFiles, kind: AccessKind, code: str) -> None:
    store.put(TREE)
    with share(store, store.access(kind)) as client, pytest.raises(Exception, match=code):
        client.get_file_client("model/a.bin").download_file()


def test_names_that_no_share_has_are_not_offered(store: AzureFiles) -> None:
    with pytest.raises(NotOffered):
        store.put({"model/what?.bin": b""})


def ask(
    store: AzureFiles,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str | None] | None = None,
    *,
    age_s: float = 0,
) -> Reply:
    """What the server answers to a signed request, of which `headers` changes or removes (None) some."""
    date = email.utils.formatdate(time.time() - age_s, usegmt=True)
    sent = {**FRESH, DATE: date, **(headers or {})}
    kept = {name: value for name, value in sent.items() if value is not None}
    asked = Asked("GET", f"{ACCOUNT}.{HOST}", f"/{store.case}/{path}", query, kept)
    signature = azure_files._signature(store._key, azure_files._string_to_sign(asked, ACCOUNT))
    signed = {"authorization": f"SharedKey {ACCOUNT}:{signature}", **kept}
    return answer(Asked("GET", asked.host, asked.path, query, signed), store.server.state)


@pytest.mark.parametrize(
    ("query", "headers", "age_s", "code"),
    [
        ({}, {"x-ms-version": None}, 0, "MissingRequiredHeader"),
        ({}, {"x-ms-version": "2012-02-12"}, 0, "InvalidHeaderValue"),
        ({}, {"x-ms-date": None}, 0, "AuthenticationFailed"),
        ({}, {}, 3600, "AuthenticationFailed"),
        ({}, {"authorization": "Bearer x"}, 0, "InvalidAuthenticationInfo"),
        ({}, {"x-ms-range": "bytes=-3"}, 0, "InvalidHeaderValue"),
        ({"comp": "list"}, {}, 0, "InvalidQueryParameterValue"),
        ({"comp": "rangelist"}, {}, 0, "InvalidQueryParameterValue"),
    ],
    ids=["no-version", "old-version", "no-date", "late", "token", "suffix-range", "no-restype", "other-comp"],
)
def test_what_the_service_refuses(
    store: AzureFiles, query: Mapping[str, str], headers: Mapping[str, str | None], age_s: float, code: str
) -> None:
    """A client with this defect must not pass."""
    store.put(TREE)
    assert ask(store, "model/a.bin", query, headers, age_s=age_s).headers["x-ms-error-code"] == code
    assert ask(store, "model/a.bin", {}).status == 200


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"maxresults": "0"}, "OutOfRangeQueryParameterValue"),
        ({"maxresults": "all"}, "InvalidQueryParameterValue"),
        ({"marker": "5000"}, "InvalidQueryParameterValue"),
    ],
    ids=["none", "no-number", "own-marker"],
)
def test_pages_are_the_services(store: AzureFiles, extra: Mapping[str, str], code: str) -> None:
    """A client that counts by itself must not pass."""
    store.put(TREE)
    assert ask(store, "model", {**LISTING, **extra}).headers["x-ms-error-code"] == code


def test_no_page_has_more_entries_than_the_services(store: AzureFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may wish for more."""
    monkeypatch.setattr(azure_files, "PAGE", 2)
    store.put(TREE)
    listed = ask(store, "model", {**LISTING, "maxresults": "100"}).body
    assert isinstance(listed, bytes)
    assert listed.count(b"<Name>") == 2
    assert b"<NextMarker />" not in listed


def test_a_range_in_another_form_is_the_whole_file(store: AzureFiles) -> None:
    """The service knows no suffixes."""
    store.put(TREE)
    assert ask(store, "model/a.bin", {}, {"range": "bytes=-3"}).status == 200
    assert ask(store, "model/a.bin", {}, {"range": "bytes=3-"}).status == 206


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("se", "2020-01-01T00:00:00Z", "AuthenticationFailed"),
        ("se", "", "AuthenticationFailed"),
        ("st", "2098-01-01T00:00:00Z", "AuthenticationFailed"),
        ("ss", "b", "AuthorizationServiceMismatch"),
        ("srt", "s", "AuthorizationResourceTypeMismatch"),
        ("sp", "l", "AuthorizationPermissionMismatch"),
    ],
)
def test_every_field_of_a_sas_token_counts(store: AzureFiles, field: str, value: str, code: str) -> None:
    store.put(TREE)
    fields = {name: text for name, text in azure_files.sas(store._key, "rl").items() if name != "sig"} | {field: value}
    query = {**fields, "sig": azure_files._sas_signature(store._key, fields)}
    asked = Asked("GET", f"{ACCOUNT}.{HOST}", f"/{store.case}/model/a.bin", query, {})
    assert answer(asked, store.server.state).headers["x-ms-error-code"] == code
