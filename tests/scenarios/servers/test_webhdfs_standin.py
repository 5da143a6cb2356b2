"""The stand-in for HDFS, asked as WebHDFS clients ask."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

import pytest

from scenarios.initializers.base import HDFS_SECRET
from scenarios.servers.webhdfs import DATA_NODE, NAME_NODE
from scenarios.stores.base import AccessKind
from scenarios.stores.webhdfs import WebHDFS
from tests.direct_requests import TREE, ask, bearer

STORE = WebHDFS


def walk(store: WebHDFS, path: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    listing = json.loads(ask(store, url(path, store, "LISTSTATUS")).body)
    for status in listing["FileStatuses"]["FileStatus"]:
        below = f"{path}/{status['pathSuffix']}"
        if status["type"] == "DIRECTORY":
            found |= walk(store, below)
        else:
            found[below] = ask(store, ask(store, url(below, store, "OPEN")).headers["Location"]).body
    return found


def url(path: str, store: WebHDFS, operation: str) -> str:
    return f"https://{NAME_NODE}/webhdfs/v1/{store.case}/{quote(path)}?op={operation}"


def test_a_tree_is_walked_and_read(store: WebHDFS) -> None:
    store.put({**TREE, "model/folder/": b""})
    assert walk(store, "model") == TREE
    status = json.loads(ask(store, url("model/folder", store, "GETFILESTATUS")).body)["FileStatus"]
    assert (status["type"], status["childrenNum"]) == ("DIRECTORY", 0)
    summary = json.loads(ask(store, url("model", store, "GETCONTENTSUMMARY")).body)["ContentSummary"]
    assert (summary["fileCount"], summary["length"]) == (3, 13)


def test_part_of_a_file(store: WebHDFS) -> None:
    store.put(TREE)
    redirect = ask(store, url("model/a.bin", store, "OPEN") + "&offset=3&length=4")
    assert (redirect.status, urlsplit(redirect.headers["Location"]).hostname) == (307, DATA_NODE)
    assert ask(store, redirect.headers["Location"]).body == b"3456"


@pytest.mark.parametrize(
    ("kind", "status", "exception"),
    [
        ("valid", 200, None),
        ("none", 401, "AuthenticationException"),
        ("wrong", 401, "AuthenticationException"),
        ("denied", 403, "AccessControlException"),
    ],
)
def test_access(store: WebHDFS, kind: AccessKind, status: int, exception: str | None) -> None:
    store.put(TREE)
    secret = store.access(kind).mounts[HDFS_SECRET]
    headers = json.loads((secret / "HEADERS").read_text()) if (secret / "HEADERS").exists() else {}
    answer = ask(store, url("model", store, "GETFILESTATUS"), headers)
    remote = json.loads(answer.body).get("RemoteException", {})
    assert (answer.status, remote.get("exception")) == (status, exception)


def test_the_data_node_wants_the_token_too(store: WebHDFS) -> None:
    store.put(TREE)
    redirect = ask(store, url("model/a.bin", store, "OPEN"), bearer(store.access()))
    assert ask(store, redirect.headers["Location"]).body == b"0123456789"
    assert ask(store, redirect.headers["Location"].partition("&delegation")[0]).status == 401


def test_the_storage_spec_says_the_same_as_the_secret(store: WebHDFS) -> None:
    config = json.loads(store.storage_spec().environment["STORAGE_CONFIG"])
    secret = store.access().mounts[HDFS_SECRET]
    assert config.pop("type") == "webhdfs"
    assert config == {file.name: file.read_text() for file in secret.iterdir()}
