"""The suite's own servers with their stores, asked over HTTP the way the initializers' clients ask."""

from __future__ import annotations

import email.utils
import gzip
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from scenarios.initializers.base import HDFS_SECRET
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import azure_files as azure_server
from scenarios.servers import xet
from scenarios.servers.base import Endpoint
from scenarios.servers.fleet import Fleet
from scenarios.servers.hub import CDN, HUB, MIRROR
from scenarios.servers.standin import Partition
from scenarios.servers.webhdfs import DATA_NODE, NAME_NODE
from scenarios.stores.azure_files import AzureFiles
from scenarios.stores.base import Access, AccessKind, Store, Tree
from scenarios.stores.hf import HuggingFace
from scenarios.stores.http import HOST, HTTP, OTHER_HOST
from scenarios.stores.standin import StandInStore
from scenarios.stores.webhdfs import WebHDFS

KINDS: tuple[type[StandInStore], ...] = (HTTP, HuggingFace, WebHDFS, AzureFiles)
ODD = "model/a b/%41+#?&=ü/.hidden/d/e/f/g;@~'.bin"
TREE: Tree = {"model/a.bin": b"0123456789", ODD: b"odd", "model/empty.txt": b""}
#: The same with names that a share of Azure Files takes.
SHARE: Tree = {path.replace("?", ""): content for path, content in TREE.items()}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())


def ask(store: Store, url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    """What the server behind `store` answers for `url`, whose host only travels in the Host header."""
    assert store.endpoint
    parts = urlsplit(url)
    direct = store.endpoint.direct_url + parts.path + (f"?{parts.query}" if parts.query else "")
    named = {"Host": parts.netloc, **(headers or {})}
    request = urllib.request.Request(direct, headers=named, method=method)  # noqa: S310 -- always http
    try:
        with OPENER.open(request, timeout=10) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def parse(xml: bytes) -> ET.Element:
    """The root of what the suite's own server wrote."""
    return ET.fromstring(xml)  # noqa: S314


def bearer(access: Access) -> dict[str, str]:
    """The header that carries the one token of `access`."""
    return {"Authorization": f"Bearer {access.secrets[0]}"} if access.secrets else {}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    running = Fleet.start([kind.servers["embedded"] for kind in KINDS], tmp_path_factory.mktemp("servers") / "fleet")
    yield running
    running.stop()


@dataclass(frozen=True)
class Stores:
    """Stores of one test, each with a case of its own."""

    fleet: Fleet
    folder: Path

    def _parts(self, kind: type[StandInStore]) -> tuple[Endpoint, Gateway, str, Path]:
        server = kind.servers["embedded"].name
        return self.fleet.endpoints[server], self.fleet.gateway, f"case-{abs(hash(self.folder))}", self.folder

    def http(self) -> HTTP:
        return HTTP(*self._parts(HTTP))

    def hf(self) -> HuggingFace:
        return HuggingFace(*self._parts(HuggingFace))

    def webhdfs(self) -> WebHDFS:
        return WebHDFS(*self._parts(WebHDFS))

    def azure_files(self) -> AzureFiles:
        return AzureFiles(*self._parts(AzureFiles))


@pytest.fixture
def stores(fleet: Fleet, tmp_path: Path) -> Stores:
    return Stores(fleet, tmp_path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_stand_in_runs_and_says_what_it_is(fleet: Fleet, kind: type[StandInStore]) -> None:
    endpoint = fleet.endpoints[kind.servers["embedded"].name]
    assert endpoint.fidelity == "stand-in"
    assert endpoint.version.startswith("aiohttp ")


@pytest.mark.parametrize("kind", [HTTP, WebHDFS, AzureFiles], ids=lambda kind: kind.name)
def test_a_sample_is_put_where_its_uri_leads(stores: Stores, kind: type[StandInStore]) -> None:
    """In the folder that the store names, or at its root."""
    store = kind(*stores._parts(kind))
    store.put_sample({"a.bin": b"a"})
    assert (store.partition.folder / store.sample_folder / "a.bin").read_bytes() == b"a"
    assert f"{store.case}/{store.sample_folder}" in store.sample_uri("a.bin")


def test_host_names_lead_to_one_server_each() -> None:
    hosts = [host for kind in KINDS for host in kind.servers["embedded"].hosts]
    assert len(set(hosts)) == len(hosts)
    assert not [host for host in hosts if host.endswith(".models.example")]


@pytest.mark.parametrize(
    "segments", [["..", "secret"], ["."], [""], ["a/../../secret"], ["/etc/passwd"], ["nul\0"]], ids=repr
)
def test_no_path_leads_outside_a_case(tmp_path: Path, segments: list[str]) -> None:
    (tmp_path / "secret").write_text("s")
    partition = Partition(tmp_path, "case")
    partition.folder.mkdir()
    assert partition.find(segments) is None
    assert not Partition(tmp_path, "..").exists


def test_a_file_and_a_folder_cannot_share_a_name(stores: Stores) -> None:
    with pytest.raises(NotOffered):
        stores.webhdfs().put({"model": b"", "model/a": b""})
    with pytest.raises(NotOffered):
        stores.webhdfs().put({"../a": b""})


class TestHTTP:
    def test_files_of_any_name_have_a_uri(self, stores: Stores) -> None:
        store = stores.http()
        store.put(TREE)
        assert {path: ask(store, store.uri(path)).body for path in TREE} == TREE
        assert ask(store, store.uri("model/b.bin")).status == 404
        assert ask(store, store.missing()).status == 404
        with pytest.raises(NotOffered):
            store.uri("model")

    def test_ranges_and_head(self, stores: Stores) -> None:
        store = stores.http()
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
    def test_content_types(self, stores: Stores, name: str, kind: str) -> None:
        store = stores.http()
        assert ask(store, store.serve(name, b"")).headers["Content-Type"] == kind
        assert ask(store, store.serve(name, b"", content_type="text/html")).headers["Content-Type"] == "text/html"

    def test_what_a_file_asks_for(self, stores: Stores) -> None:
        store = stores.http()
        store.serve("signed.bin", b"s", query_required={"X-Amz-Signature": "a+b/c="})
        assert ask(store, store.url("signed.bin", query={"X-Amz-Signature": "a+b/c="})).body == b"s"
        assert ask(store, store.url("signed.bin")).status == 403
        url = store.serve("named.bin", b"n", headers_required={"X-Api-Key": "k"})
        assert [ask(store, url, {"X-Api-Key": key}).status for key in "kz"] == [200, 401]
        assert ask(store, store.serve("broken.bin", status=500)).status == 500

    def test_redirects(self, stores: Stores) -> None:
        store = stores.http()
        store.put({"a.bin": b"a"})
        target = store.url("a.bin", host=OTHER_HOST)
        answer = ask(store, store.serve("old.bin", redirect_to=target, status=307))
        assert (answer.status, answer.headers["Location"]) == (307, target)
        assert ask(store, store.serve("old.bin", redirect_to=target)).status == 302
        assert ask(store, target).body == b"a"

    @pytest.mark.parametrize(("kind", "status"), [("valid", 200), ("none", 401), ("wrong", 401), ("denied", 403)])
    def test_access(self, stores: Stores, kind: AccessKind, status: int) -> None:
        store = stores.http()
        store.put({"a.bin": b"a"})
        headers = json.loads(store.access(kind).environment.get(f"{HOST}-headers", "{}"))
        assert ask(store, store.uri("a.bin"), headers).status == status


class TestHuggingFace:
    def test_a_repository_is_listed_and_read(self, stores: Stores) -> None:
        store = stores.hf()
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

    def test_pages_of_a_tree(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({f"model/{n}": b"" for n in range(5)})
        first = ask(store, f"https://{HUB}/api/models/{store.case}/model/tree/main?limit=3")
        more = first.headers["Link"].partition(">")[0].removeprefix("<")
        assert len(json.loads(first.body) + json.loads(ask(store, more).body)) == 5

    def test_large_files_come_from_the_cdn(self, stores: Stores) -> None:
        store = stores.hf()
        store.put(TREE)
        answer = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.bin", method="HEAD")
        assert (answer.status, answer.headers["X-Linked-Size"]) == (302, "10")
        assert urlsplit(answer.headers["Location"]).hostname == CDN
        assert ask(store, answer.headers["Location"]).body == b"0123456789"
        assert ask(store, answer.headers["Location"].partition("?")[0]).status == 404

    def test_revisions(self, stores: Stores) -> None:
        store = stores.hf()
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
    def test_gated(self, stores: Stores, kind: AccessKind, status: int, code: str | None) -> None:
        store = stores.hf()
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
    def test_what_is_not_there(self, stores: Stores, path: str, code: str) -> None:
        store = stores.hf()
        store.put({"model/a.txt": b"a"})
        token = bearer(store.access())
        answer = ask(store, f"https://{HUB}/{path.replace('CASE', store.case)}", token)
        assert (answer.status, answer.headers["X-Error-Code"]) == (404, code)

    def test_small_files_come_from_the_hubs_cache(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({"model/a.json": b"{}" * 1000})
        moved = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.json")
        assert (moved.status, moved.headers["X-Repo-Commit"]) == (307, store.commit("model"))
        url = f"https://{HUB}{moved.headers['Location']}"
        assert ask(store, url).body == b"{}" * 1000
        packed = ask(store, url, {"Accept-Encoding": "gzip"})
        assert (gzip.decompress(packed.body), packed.headers["ETag"][:2]) == (b"{}" * 1000, "W/")

    def test_links_expire(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({"model/a.bin": b"a"})
        store.expire_links(-1)
        link = ask(store, f"https://{HUB}/{store.case}/model/resolve/main/a.bin").headers["Location"]
        assert ask(store, link).status == 403

    def test_an_unknown_token_is_refused_for_public_content(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({"model/a.bin": b"a"})
        url = f"https://{HUB}/api/models/{store.case}/model"
        answer = ask(store, url, bearer(store.public("wrong")))
        assert (answer.status, answer.headers["X-Error-Message"][:19]) == (401, "Invalid credentials")
        assert ask(store, url, bearer(store.public("denied"))).status == 200

    def test_a_renamed_repository(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({"old/a.bin": b"a"})
        store.rename("old", "new")
        moved = ask(store, f"https://{HUB}/api/models/{store.case}/old/tree/main?recursive=true")
        assert moved.status == 307
        assert moved.headers["Location"] == f"/api/models/{store.case}/new/tree/main?recursive=true"
        assert ask(store, f"https://{HUB}{moved.headers['Location']}").status == 200

    def test_private_repositories_do_not_exist_for_others(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({"model/a.bin": b"a"})
        store.hide()
        url = f"https://{HUB}/api/models/{store.case}/model"
        found = {kind: ask(store, url, bearer(store.access(kind))).status for kind in ("valid", "none", "denied")}
        assert found == {"valid": 200, "none": 401, "denied": 404}

    def test_pages_and_folders_of_a_tree(self, stores: Stores) -> None:
        store = stores.hf()
        store.put({"model/sub/a.bin": b"a", "model/sub/deep/b.bin": b"b", "model/c.bin": b"c"})
        api = f"https://{HUB}/api/models/{store.case}/model/tree/main"
        assert [one["path"] for one in json.loads(ask(store, api).body)] == ["sub", "c.bin"]
        assert [one["path"] for one in json.loads(ask(store, f"{api}/sub").body)] == ["sub/deep", "sub/a.bin"]

    def test_a_file_in_xet(self, stores: Stores) -> None:
        store = stores.hf()
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
    def test_only_repositories_have_a_uri(self, stores: Stores, path: str) -> None:
        with pytest.raises(NotOffered):
            stores.hf().uri(path)


class TestWebHDFS:
    def test_a_tree_is_walked_and_read(self, stores: Stores) -> None:
        store = stores.webhdfs()
        store.put({**TREE, "model/folder/": b""})
        assert self._walk(store, "model") == TREE
        status = json.loads(ask(store, self._url("model/folder", store, "GETFILESTATUS")).body)["FileStatus"]
        assert (status["type"], status["childrenNum"]) == ("DIRECTORY", 0)
        summary = json.loads(ask(store, self._url("model", store, "GETCONTENTSUMMARY")).body)["ContentSummary"]
        assert (summary["fileCount"], summary["length"]) == (3, 13)

    def test_part_of_a_file(self, stores: Stores) -> None:
        store = stores.webhdfs()
        store.put(TREE)
        redirect = ask(store, self._url("model/a.bin", store, "OPEN") + "&offset=3&length=4")
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
    def test_access(self, stores: Stores, kind: AccessKind, status: int, exception: str | None) -> None:
        store = stores.webhdfs()
        store.put(TREE)
        secret = store.access(kind).mounts[HDFS_SECRET]
        headers = json.loads((secret / "HEADERS").read_text()) if (secret / "HEADERS").exists() else {}
        answer = ask(store, self._url("model", store, "GETFILESTATUS"), headers)
        remote = json.loads(answer.body).get("RemoteException", {})
        assert (answer.status, remote.get("exception")) == (status, exception)

    def test_the_data_node_wants_the_token_too(self, stores: Stores) -> None:
        store = stores.webhdfs()
        store.put(TREE)
        redirect = ask(store, self._url("model/a.bin", store, "OPEN"), bearer(store.access()))
        assert ask(store, redirect.headers["Location"]).body == b"0123456789"
        assert ask(store, redirect.headers["Location"].partition("&delegation")[0]).status == 401

    def test_the_storage_spec_says_the_same_as_the_secret(self, stores: Stores) -> None:
        store = stores.webhdfs()
        config = json.loads(store.storage_spec().environment["STORAGE_CONFIG"])
        secret = store.access().mounts[HDFS_SECRET]
        assert config.pop("type") == "webhdfs"
        assert config == {file.name: file.read_text() for file in secret.iterdir()}

    def _walk(self, store: WebHDFS, path: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        listing = json.loads(ask(store, self._url(path, store, "LISTSTATUS")).body)
        for status in listing["FileStatuses"]["FileStatus"]:
            below = f"{path}/{status['pathSuffix']}"
            if status["type"] == "DIRECTORY":
                found |= self._walk(store, below)
            else:
                found[below] = ask(store, ask(store, self._url(below, store, "OPEN")).headers["Location"]).body
        return found

    @staticmethod
    def _url(path: str, store: WebHDFS, operation: str) -> str:
        return f"https://{NAME_NODE}/webhdfs/v1/{store.case}/{quote(path)}?op={operation}"


class TestAzureFiles:
    def test_a_share_is_listed_page_by_page(self, stores: Stores) -> None:
        store = stores.azure_files()
        store.put({"model/a.bin": b"abc", "model/b.bin": b"", "model/sub/c.bin": b""})
        url = f"{store.uri('model')}?restype=directory&comp=list&maxresults=2&{store.access('session').query}"
        first = parse(ask(store, url).body)
        assert [name.text for name in first.iterfind("Entries/File/Name")] == ["a.bin", "b.bin"]
        assert first.findtext("Entries/File/Properties/Content-Length") == "3"
        second = parse(ask(store, f"{url}&marker={first.findtext('NextMarker')}").body)
        assert (second.findtext("Entries/Directory/Name"), second.findtext("NextMarker")) == ("sub", "")

    def test_ranges(self, stores: Stores) -> None:
        store = stores.azure_files()
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
    def test_what_is_not_there(self, stores: Stores, place: str, code: str) -> None:
        store = stores.azure_files()
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
    def test_sas(self, stores: Stores, kind: AccessKind, status: int, code: str | None) -> None:
        store = stores.azure_files()
        store.put(SHARE)
        answer = ask(store, f"{store.uri('model/a.bin')}?{store.access(kind).query}")
        assert (answer.status, answer.headers["x-ms-error-code"]) == (status, code)

    @pytest.mark.parametrize(("kind", "status"), [("valid", 200), ("wrong", 403)])
    def test_shared_keys(self, stores: Stores, kind: AccessKind, status: int) -> None:
        """The string to sign is Microsoft's; here it is written out for one request."""
        store = stores.azure_files()
        store.put(SHARE)
        key = store.access(kind).environment["AZURE_STORAGE_ACCESS_KEY"]
        date = email.utils.formatdate(usegmt=True)
        no_standard_headers = "\n" * 12
        text = (
            f"GET{no_standard_headers}x-ms-date:{date}\nx-ms-version:2022-11-02\n/modelfiles/{store.case}/model/a.bin"
        )
        signature = azure_server._signature(key, text)
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2022-11-02",
            "Authorization": f"SharedKey modelfiles:{signature}",
        }
        assert ask(store, store.uri("model/a.bin"), headers).status == status


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_store_is_usable_without_the_extra(kind: type[StandInStore]) -> None:
    """Its module, and its server's, load where aiohttp is not installed."""
    check = f"import sys, {kind.__module__}; sys.exit('aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=Path(__file__).parents[2])
