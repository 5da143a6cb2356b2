"""The stand-in for web servers, asked as the initializers' clients ask."""

from __future__ import annotations

import json

import pytest

from scenarios.reasons import NotOffered
from scenarios.stores.base import AccessKind
from scenarios.stores.http import HOST, HTTP, OTHER_HOST
from tests.direct_requests import TREE, ask

STORE = HTTP


def test_files_of_any_name_have_a_uri(store: HTTP) -> None:
    store.put(TREE)
    assert {path: ask(store, store.uri(path)).body for path in TREE} == TREE
    assert ask(store, store.uri("model/b.bin")).status == 404
    assert ask(store, store.missing()).status == 404
    with pytest.raises(NotOffered):
        store.uri("model")


def test_ranges_and_head(store: HTTP) -> None:
    url = store.serve("a.bin", b"0123456789")
    middle = ask(store, url, {"Range": "bytes=2-4"})
    assert (middle.status, middle.headers["Content-Range"], middle.body) == (206, "bytes 2-4/10", b"234")
    assert ask(store, url, {"Range": "bytes=-3"}).body == b"789"
    assert ask(store, url, {"Range": "bytes=10-"}).status == 416
    head = ask(store, url, method="HEAD")
    assert (head.headers["Content-Length"], head.body) == ("10", b"")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("m.tar.gz", "application/gzip"), ("m.ZIP", "application/zip"), ("m.json", "application/octet-stream")],
)
def test_content_types(store: HTTP, name: str, kind: str) -> None:
    assert ask(store, store.serve(name, b"")).headers["Content-Type"] == kind
    assert ask(store, store.serve(name, b"", content_type="text/html")).headers["Content-Type"] == "text/html"


def test_what_a_file_asks_for(store: HTTP) -> None:
    store.serve("signed.bin", b"s", query_required={"X-Amz-Signature": "a+b/c="})
    assert ask(store, store.url("signed.bin", query={"X-Amz-Signature": "a+b/c="})).body == b"s"
    assert ask(store, store.url("signed.bin")).status == 403
    url = store.serve("named.bin", b"n", headers_required={"X-Api-Key": "k"})
    assert [ask(store, url, {"X-Api-Key": key}).status for key in "kz"] == [200, 401]
    assert ask(store, store.serve("broken.bin", status=500)).status == 500


def test_redirects(store: HTTP) -> None:
    store.put({"a.bin": b"a"})
    target = store.url("a.bin", host=OTHER_HOST)
    answer = ask(store, store.serve("old.bin", redirect_to=target, status=307))
    assert (answer.status, answer.headers["Location"]) == (307, target)
    assert ask(store, store.serve("old.bin", redirect_to=target)).status == 302
    assert ask(store, target).body == b"a"


@pytest.mark.parametrize(("kind", "status"), [("valid", 200), ("none", 401), ("wrong", 401), ("denied", 403)])
def test_access(store: HTTP, kind: AccessKind, status: int) -> None:
    store.put({"a.bin": b"a"})
    headers = json.loads(store.access(kind).environment.get(f"{HOST}-headers", "{}"))
    assert ask(store, store.uri("a.bin"), headers).status == status
