"""The stand-in for the Hugging Face Hub, asked as the Hub's own client asks."""

from __future__ import annotations

import gzip
import json
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

import pytest

from scenarios.reasons import NotOffered
from scenarios.servers import xet
from scenarios.servers.hub import CDN, HUB, MIRROR
from scenarios.stores.base import AccessKind
from scenarios.stores.hf import HuggingFace
from tests.direct_requests import ODD, TREE, ask, bearer

STORE = HuggingFace


def test_a_repository_is_listed_and_read(store: HuggingFace) -> None:
    store.put(TREE)
    api = f"https://{HUB}/api/models/{store.case}/model"
    info = json.loads(ask(store, api).body)
    assert info["sha"] == store.commit("model")
    assert {f"model/{one['rfilename']}" for one in info["siblings"]} == set(TREE)
    listed = json.loads(ask(store, f"{api}/tree/main?recursive=true").body)
    assert {one["path"] for one in listed if one["type"] == "directory"} == {
        str(folder) for folder in PurePosixPath(ODD).relative_to("model").parents if str(folder) != "."
    }
    for file in listed:
        if file["type"] == "directory":
            continue
        url = f"https://{MIRROR}/{store.case}/model/resolve/{info['sha']}/{quote(file['path'])}"
        answer = ask(store, url)
        assert (answer.body, answer.headers["X-Repo-Commit"]) == (TREE[f"model/{file['path']}"], info["sha"])
        assert answer.headers["ETag"] == f'"{file.get("lfs", file)["oid"]}"'
        assert file["size"] == len(answer.body)


def test_pages_of_a_tree(store: HuggingFace) -> None:
    store.put({f"model/{n}": b"" for n in range(5)})
    first = ask(store, f"https://{HUB}/api/models/{store.case}/model/tree/main?limit=3")
    more = first.headers["Link"].partition(">")[0].removeprefix("<")
    assert len(json.loads(first.body) + json.loads(ask(store, more).body)) == 5


def test_large_files_come_from_the_cdn(store: HuggingFace) -> None:
    store.put(TREE)
    answer = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.bin", method="HEAD")
    assert (answer.status, answer.headers["X-Linked-Size"]) == (302, "10")
    assert urlsplit(answer.headers["Location"]).hostname == CDN
    assert ask(store, answer.headers["Location"]).body == b"0123456789"
    assert ask(store, answer.headers["Location"].partition("?")[0]).status == 404


def test_revisions(store: HuggingFace) -> None:
    store.put({"model/a.txt": b"1", "model/b.txt": b"1"})
    first = store.commit("model")
    store.put({"model/a.txt": b"2"})
    store.put({"model/a.txt": b"tagged"}, "v/2")
    for revision, content in {"main": b"2", first: b"1", "v%2F2": b"tagged"}.items():
        assert ask(store, f"https://{MIRROR}/{store.case}/model/resolve/{revision}/a.txt").body == content
    assert ask(store, f"https://{MIRROR}/{store.case}/model/resolve/main/b.txt").body == b"1"
    assert store.uri("model:v2") == f"hf://{store.case}/model:v2"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("valid", 200, None),
        ("anonymous", 200, None),
        ("none", 401, "GatedRepo"),
        ("wrong", 401, None),
        ("denied", 403, "GatedRepo"),
    ],
)
def test_gated(store: HuggingFace, kind: AccessKind, status: int, code: str | None) -> None:
    store.put({"model/a.txt": b"a"})
    url = f"https://{MIRROR}/{store.case}/model/resolve/main/a.txt"
    answer = ask(store, url, bearer(store.access(kind)))
    assert (answer.status, answer.headers["X-Error-Code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("api/models/CASE/nothing", "RepoNotFound"),
        ("api/models/CASE/model/revision/v9", "RevisionNotFound"),
        ("CASE/model/resolve/main/nothing", "EntryNotFound"),
    ],
)
def test_what_is_not_there(store: HuggingFace, path: str, code: str) -> None:
    store.put({"model/a.txt": b"a"})
    token = bearer(store.access())
    answer = ask(store, f"https://{HUB}/{path.replace('CASE', store.case)}", token)
    assert (answer.status, answer.headers["X-Error-Code"]) == (404, code)


def test_small_files_come_from_the_hubs_cache(store: HuggingFace) -> None:
    store.put({"model/a.json": b"{}" * 1000})
    moved = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.json")
    assert (moved.status, moved.headers["X-Repo-Commit"]) == (307, store.commit("model"))
    url = f"https://{HUB}{moved.headers['Location']}"
    assert ask(store, url).body == b"{}" * 1000
    packed = ask(store, url, {"Accept-Encoding": "gzip"})
    assert (gzip.decompress(packed.body), packed.headers["ETag"][:2]) == (b"{}" * 1000, "W/")


def test_links_expire(store: HuggingFace) -> None:
    store.put({"model/a.bin": b"a"})
    store.expire_links(-1)
    link = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.bin").headers["Location"]
    assert ask(store, link).status == 403


def test_an_unknown_token_is_refused_for_public_content(store: HuggingFace) -> None:
    store.put({"model/a.bin": b"a"})
    url = f"https://{HUB}/api/models/{store.case}/model"
    answer = ask(store, url, bearer(store.public("wrong")))
    assert (answer.status, answer.headers["X-Error-Message"][:19]) == (401, "Invalid credentials")
    assert ask(store, url, bearer(store.public("denied"))).status == 200


def test_a_renamed_repository(store: HuggingFace) -> None:
    store.put({"old/a.bin": b"a"})
    store.rename("old", "new")
    moved = ask(store, f"https://{HUB}/api/models/{store.case}/old/tree/main?recursive=true")
    assert moved.status == 307
    assert moved.headers["Location"] == f"/api/models/{store.case}/new/tree/main?recursive=true"
    assert ask(store, f"https://{HUB}{moved.headers['Location']}").status == 200


def test_private_repositories_do_not_exist_for_others(store: HuggingFace) -> None:
    store.put({"model/a.bin": b"a"})
    store.hide()
    url = f"https://{HUB}/api/models/{store.case}/model"
    found = {kind: ask(store, url, bearer(store.access(kind))).status for kind in ("valid", "none", "denied")}
    assert found == {"valid": 200, "none": 401, "denied": 404}


def test_pages_and_folders_of_a_tree(store: HuggingFace) -> None:
    store.put({"model/sub/a.bin": b"a", "model/sub/deep/b.bin": b"b", "model/c.bin": b"c"})
    api = f"https://{HUB}/api/models/{store.case}/model/tree/main"
    assert [one["path"] for one in json.loads(ask(store, api).body)] == ["sub", "c.bin"]
    assert [one["path"] for one in json.loads(ask(store, f"{api}/sub").body)] == ["sub/deep", "sub/a.bin"]


def test_a_file_in_xet(store: HuggingFace) -> None:
    content = bytes(range(256)) * 1000
    store.put({"model/a.bin": content})
    store.serve_by_xet()
    large = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.bin", method="HEAD")
    token = ask(store, large.headers["Link"].partition(">")[0].removeprefix("<")).headers["X-Xet-Access-Token"]
    url = f"https://{xet.CAS}/v1/reconstructions/{large.headers['X-Xet-Hash']}"
    assert ask(store, url).status == 401
    bounds = {"Authorization": f"Bearer {token}", "Range": "bytes=70000-99999"}
    found = json.loads(ask(store, url, bounds).body)
    (fetched,) = found["fetch_info"][large.headers["X-Xet-Hash"]]
    place = fetched["url_range"]
    assert ask(store, fetched["url"]).status == 403
    block = ask(store, fetched["url"], {"Range": f"bytes={place['start']}-{place['end']}"})
    begin = found["offset_into_first_range"]
    assert block.body[xet.HEADER :][begin : begin + 30000] == content[70000:100000]
    assert found["terms"][0]["unpacked_length"] == len(block.body) - xet.HEADER


@pytest.mark.parametrize("path", ["", "model/sub"])
def test_only_repositories_have_a_uri(store: HuggingFace, path: str) -> None:
    with pytest.raises(NotOffered):
        store.uri(path)
