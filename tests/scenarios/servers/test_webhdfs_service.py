"""The stand-in for HDFS, as KServe's client and another one read it, and what it refuses as HDFS does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from scenarios.reasons import NotOffered
from scenarios.servers.standin import Asked, Reply
from scenarios.servers.webhdfs import DATA_NODE, NAME_NODE, answer
from scenarios.stores.base import AccessKind, Tree
from scenarios.stores.webhdfs import WebHDFS

# KServe's client, and an independent one; the untyped way, because they are no dependencies of the suite.
hdfs: Any = pytest.importorskip("hdfs", reason="the hdfs package is missing")
webhdfs: Any = pytest.importorskip("fsspec.implementations.webhdfs", reason="fsspec is missing")

STORE = WebHDFS
TREE: Tree = {"model/a.bin": b"0123456789", "model/empty.bin": b"", "model/b c/%41ü.bin": b"odd"}


def session(store: WebHDFS, kind: AccessKind) -> requests.Session:
    """A session by way of the gateway, with the header of the Secret."""
    made = requests.Session()
    made.trust_env = False  # a machine's own CA bundle would win over `verify`
    made.proxies, made.verify = {"https": store.gateway.proxy_url}, str(store.gateway.ca)
    made.headers.update(json.loads(store._settings(kind).get("HEADERS", "{}")))
    return made


def test_the_client_of_kserve_reads_a_tree(store: WebHDFS) -> None:
    store.put(TREE)
    client = hdfs.Client(f"https://{NAME_NODE}", session=session(store, "valid"))
    root = f"/{store.case}"
    found = {}
    for folder, _, names in client.walk(root):
        for name in names:
            with client.read(f"{folder}/{name}") as stream:
                found[f"{folder}/{name}".removeprefix(f"{root}/")] = stream.read()
    assert found == TREE
    with client.read(f"{root}/model/a.bin", offset=2, length=3) as part:
        assert part.read() == b"234"
    with client.read(f"{root}/model/a.bin", offset=8, length=99) as rest:
        assert rest.read() == b"89"
    assert client.content(f"{root}/model")["fileCount"] == 3
    assert client.resolve("x") == "/user/models/x"


@pytest.mark.parametrize(("kind", "words"), [("none", "Authentication failure"), ("denied", "Permission denied")])
def test_the_client_of_kserve_reads_the_refusal(store: WebHDFS, kind: AccessKind, words: str) -> None:
    store.put(TREE)
    with pytest.raises(hdfs.HdfsError, match=words):
        hdfs.Client(f"https://{NAME_NODE}", session=session(store, kind)).status(f"/{store.case}/model")


def test_another_client_reads_a_tree(store: WebHDFS) -> None:
    store.put(TREE)
    files = webhdfs.WebHDFS(NAME_NODE, 443, use_https=True, skip_instance_cache=True)
    files.session = session(store, "valid")
    root = f"/{store.case}"
    assert {path.removeprefix(f"{root}/"): files.cat_file(path) for path in files.find(root)} == TREE
    assert files.cat_file(f"{root}/model/a.bin", 2, 5) == b"234"
    with pytest.raises(FileNotFoundError):
        files.info(f"{root}/other")


def ask(store: WebHDFS, query: Mapping[str, str], *, path: str = "model/a.bin", host: str = NAME_NODE) -> Reply:
    return answer(Asked("GET", host, f"/webhdfs/v1/{store.case}/{path}", query, {}), store.server.state)


def located(store: WebHDFS, **query: str) -> dict[str, str]:
    """The query of the data node's URL."""
    redirect = ask(store, {"op": "OPEN", **query})
    return dict(parse_qsl(urlsplit(redirect.headers["Location"]).query))


@pytest.mark.parametrize(
    ("query", "path", "status", "name"),
    [
        ({"op": "OPEN", "offset": "10"}, "model/a.bin", 403, "IOException"),
        ({"op": "OPEN", "offset": "-1"}, "model/a.bin", 403, "IOException"),
        ({"op": "OPEN", "offset": "x"}, "model/a.bin", 400, "IllegalArgumentException"),
        ({"op": "OPEN", "length": "-1"}, "model/a.bin", 400, "IllegalArgumentException"),
        ({"op": "OPEN"}, "model", 404, "FileNotFoundException"),
        ({"op": "LISTSTATUS"}, "model/../model", 400, "InvalidPathException"),
        ({}, "model", 400, "IllegalArgumentException"),
    ],
)
def test_what_hdfs_refuses(store: WebHDFS, query: Mapping[str, str], path: str, status: int, name: str) -> None:
    """A client with this defect must not pass."""
    store.put(TREE)
    refused = ask(store, query, path=path)
    assert isinstance(refused.body, bytes)
    assert (refused.status, json.loads(refused.body)["RemoteException"]["exception"]) == (status, name)


def test_the_data_node_serves_what_the_name_node_gave_out(store: WebHDFS) -> None:
    """A client that makes the data node's URL by itself must not pass."""
    store.put(TREE)
    query = located(store, offset="3")
    assert ask(store, query, host=DATA_NODE).status == 200
    assert ask(store, {"op": "OPEN", "offset": "3"}, host=DATA_NODE).status == 400


def test_a_client_that_follows_no_redirects_is_told_the_url(store: WebHDFS) -> None:
    store.put(TREE)
    told = ask(store, {"op": "OPEN", "noredirect": "true"})
    assert isinstance(told.body, bytes)
    assert json.loads(told.body)["Location"].endswith("?" + urlencode(located(store)))


def test_a_listing_in_batches(store: WebHDFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.servers.webhdfs.BATCH", 2)
    store.put({f"model/{number}": b"" for number in range(5)})
    names: list[str] = []
    left = 1
    while left:
        last = {"startAfter": names[-1]} if names else {}
        body = ask(store, {"op": "LISTSTATUS_BATCH", **last}, path="model").body
        assert isinstance(body, bytes)
        page = json.loads(body)["DirectoryListing"]
        names += [one["pathSuffix"] for one in page["partialListing"]["FileStatuses"]["FileStatus"]]
        left = page["remainingEntries"]
    assert names == list("01234")


def test_names_that_hdfs_does_not_take_are_not_offered(store: WebHDFS) -> None:
    with pytest.raises(NotOffered):
        store.put({"model/a:b.bin": b""})
