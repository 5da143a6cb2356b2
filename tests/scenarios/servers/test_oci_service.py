"""The registry and its token authority, as crane and oras read them, and what they refuse as public registries do."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from clusters.images.archive import ARCHITECTURE
from clusters.toolchain.cache import cache_root
from clusters.toolchain.go import go_binary
from scenarios.servers.base import Mode
from scenarios.servers.fleet import Fleet
from scenarios.servers.oci_registry import BLOB_HOST, Distribution, Grant, OciRegistry
from scenarios.stores.base import Access, Tree
from scenarios.stores.oci import INDEX, OCI
from scenarios.stores.registry import CREDENTIALS, HOST, MANIFEST

STORE = OCI
TREE: Tree = {"model/a.bin": b"0123456789", "other/b.bin": b"b"}
DISTRIBUTION_IS_BUILT = any((cache_root() / "go").glob(f"registry-{Distribution.package_version}-*/.complete"))


def crane(store: OCI, access: Access, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Google's own client, with the pull secret."""
    program = go_binary(OciRegistry.package, OciRegistry.package_version, "crane")
    trusted = {"SSL_CERT_FILE": str(store.gateway.ca), "HTTPS_PROXY": store.gateway.proxy_url}
    config = {"DOCKER_CONFIG": str(access.mounts[CREDENTIALS])} if CREDENTIALS in access.mounts else {}
    environment = {"PATH": os.environ["PATH"], "HOME": str(store.scratch), **trusted, **config}
    return subprocess.run([program, *arguments], env=environment, capture_output=True, timeout=30, check=False)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
@pytest.mark.parametrize("index", [False, True], ids=["image", "index"])
def test_crane_pulls_an_image(store: OCI, index: bool, elsewhere: bool) -> None:
    store.put(TREE, index=index)
    if elsewhere:
        store.move_blobs()
    image = f"{HOST}/{store.case}/model:latest"
    pulled = crane(store, store.access(), "export", "--platform", f"linux/{ARCHITECTURE}", image, "-")
    assert b"0123456789" in pulled.stdout, pulled.stderr
    assert (BLOB_HOST in {request.host for request in store.requests()}) is elsewhere


@pytest.mark.parametrize("kind", ["none", "wrong", "denied"])
def test_crane_is_refused(store: OCI, kind: Any) -> None:  # noqa: ANN401 -- an AccessKind
    store.put(TREE)
    refused = crane(store, store.access(kind), "manifest", f"{HOST}/{store.case}/model:latest")
    assert refused.returncode != 0
    assert b"UNAUTHORIZED" in refused.stderr


def test_oras_pulls_a_manifest_and_its_layer(store: OCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of KServe's releases."""
    client_of: Any = pytest.importorskip("oras.client", reason="oras is missing")
    store.put(TREE)
    store.move_blobs()
    access = store.access()
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, store.gateway.proxy_url)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(store.gateway.ca))
    client = client_of.OrasClient()
    login = json.loads((access.mounts[CREDENTIALS] / "config.json").read_text())["auths"][HOST]["auth"]
    client.auth.set_basic_auth(*base64.b64decode(login).decode().split(":"))
    manifest = client.get_manifest(f"{HOST}/{store.case}/model:latest")
    layer = client.get_blob(f"{HOST}/{store.case}/model", manifest["layers"][0]["digest"])
    assert len(layer.content) == manifest["layers"][0]["size"]


class Pull:
    """Requests to one image, with a token of one's own."""

    def __init__(self, store: OCI, fleet: Fleet, server: str = OciRegistry.name) -> None:
        self.url = fleet.endpoints[server].direct_url
        self.store = store
        self.login = json.loads((store.access().mounts[CREDENTIALS] / "config.json").read_text())["auths"][HOST]["auth"]

    def token(self, scope: str | None, service: str = HOST) -> str:
        query = {"service": service, **({"scope": scope} if scope else {})}
        answer = requests.get(
            f"{self.url}/token", query, headers={"Host": HOST, "Authorization": f"Basic {self.login}"}, timeout=10
        )
        return str(answer.json()["token"])

    def manifest(self, token: str, image: str = "model", accept: str | None = MANIFEST) -> requests.Response:
        headers = {"Host": HOST, "Authorization": f"Bearer {token}", "Accept": accept}
        path = f"/v2/{self.store.case}/{image}/manifests/latest"
        return requests.get(f"{self.url}{path}", headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("scope", "service", "status"),
    [
        ("repository:{}/model:pull", HOST, 200),
        ("repository:{}/other:pull repository:{}/model:push,pull", HOST, 200),
        ("repository:{}/other:pull", HOST, 401),
        ("repository:{}/model:push", HOST, 401),
        ("registry:{}/model:pull", HOST, 401),
        (None, HOST, 401),
        ("repository:{}/model:pull", "another.example", 401),
    ],
)
def test_a_token_opens_its_scope(store: OCI, fleet: Fleet, scope: str | None, service: str, status: int) -> None:
    """A client that asks for another scope or service than the challenge's must not pass."""
    store.put(TREE)
    pull = Pull(store, fleet)
    token = pull.token(scope and scope.replace("{}", store.case), service)
    assert pull.manifest(token).status_code == status


def test_a_token_ends() -> None:
    assert Grant("r", frozenset({"a/b"})).opens("r", "a/b")
    assert not Grant("r", frozenset({"a/b"}), until=0).opens("r", "a/b")


def test_the_host_of_the_blobs_takes_no_other_credentials(store: OCI, fleet: Fleet) -> None:
    """A client that sends its token along must not pass."""
    store.put(TREE)
    store.move_blobs()
    pull = Pull(store, fleet)
    token = pull.token(f"repository:{store.case}/model:pull")
    digest = pull.manifest(token).json()["layers"][0]["digest"]
    path, headers = f"/v2/{store.case}/model/blobs/{digest}", {"Host": HOST, "Authorization": f"Bearer {token}"}
    moved = requests.get(f"{pull.url}{path}", headers=headers, timeout=10, allow_redirects=False)
    assert moved.status_code == 307
    there = moved.headers["Location"].replace(f"https://{BLOB_HOST}", pull.url)
    host = {"Host": BLOB_HOST}
    assert requests.get(there, headers=host, timeout=10).status_code == 200
    assert requests.get(there, headers={**headers, **host}, timeout=10).status_code == 400
    assert requests.get(there.partition("?")[0], headers=host, timeout=10).status_code == 403


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The small registry, and CNCF's distribution if it is built."""
    kinds = [OciRegistry, Distribution] if DISTRIBUTION_IS_BUILT else [OciRegistry]
    running = Fleet.start(kinds, tmp_path_factory.mktemp("registries") / "fleet")
    yield running
    running.stop()


@pytest.mark.parametrize("accept", [MANIFEST, INDEX, f"{MANIFEST};q=0.5, {INDEX}", "*/*", "application/json"])
@pytest.mark.parametrize("index", [False, True], ids=["image", "index"])
def test_registries_agree_on_what_a_client_accepts(both: Fleet, tmp_path: Path, accept: str, index: bool) -> None:
    """A client that accepts too little gets 404 from both."""
    statuses = {}
    for name in both.endpoints:
        mode: Mode = "native" if name == Distribution.name else "embedded"
        store = OCI(both.endpoints[OCI.servers[mode].name], both.gateway, "accepting", tmp_path)
        store.put({"model/a.bin": b"a"}, index=index)
        pull = Pull(store, both, name)
        statuses[name] = pull.manifest(pull.token("repository:accepting/model:pull"), accept=accept).status_code
    assert set(statuses.values()) == {200 if (INDEX if index else MANIFEST) in accept else 404}, statuses
