"""The stores git, oci, local and pvc, with their servers running and read back by other clients."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import secrets
import ssl
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.base import Image
from clusters.images.archive import ARCHITECTURE, write
from clusters.images.archive import layer as image_layer
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers.fleet import Fleet
from scenarios.servers.git_http import GitHttp
from scenarios.servers.oci_registry import OciRegistry
from scenarios.stores.base import Access, AccessKind, Tree
from scenarios.stores.folder import Folder
from scenarios.stores.git import Git
from scenarios.stores.local import Local
from scenarios.stores.oci import ARCHITECTURES, INDEX, OCI, Layer
from scenarios.stores.pvc import PVC
from scenarios.stores.registry import HOST, MANIFEST

TREE: Tree = {"model/a.bin": b"a", 'model/sub/b c"ü.txt': b"one\ntwo\n", "model/empty.bin": b""}
MODEL = {"a.bin": b"a", 'sub/b c"ü.txt': b"one\ntwo\n", "empty.bin": b""}
REFUSALS = [("none", "401"), ("wrong", "401"), ("denied", "403")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    running = Fleet.start([GitHttp, OciRegistry], tmp_path_factory.mktemp("servers") / "fleet")
    yield running
    running.stop()


@pytest.fixture
def git(fleet: Fleet, tmp_path: Path) -> Git:
    return Git(fleet.endpoints[GitHttp.name], fleet.gateway, f"git-{secrets.token_hex(4)}", tmp_path)


@pytest.fixture
def oci(fleet: Fleet, tmp_path: Path) -> OCI:
    return OCI(fleet.endpoints[OciRegistry.name], fleet.gateway, f"oci-{secrets.token_hex(4)}", tmp_path)


def run_git(access: Access, gateway: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Git with the login of `access`, through the gateway."""
    environment = {
        **access.environment,
        "PATH": os.environ["PATH"],
        "GIT_SSL_CAINFO": str(gateway.ca),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    helper = '!f() { test -n "$GIT_USERNAME" && echo "username=$GIT_USERNAME" && echo "password=$GIT_PASSWORD"; }; f'
    argv = ["git", "-c", f"credential.helper={helper}", *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


class Puller:
    """A client of the registry through the gateway, that follows the token protocol with a docker config.json."""

    def __init__(self, access: Access, gateway: Gateway) -> None:
        config = access.environment.get("KSERVE_OCI_DOCKER_CONFIG")
        mounted = config and access.mounts[str(Path(config).parent)] / Path(config).name
        self._auth = json.loads(mounted.read_text())["auths"][HOST]["auth"] if mounted else None
        self._bearer: dict[str, str] = {}
        trust = ssl.create_default_context(cafile=str(gateway.ca))
        proxy = urllib.request.ProxyHandler({"https": gateway.proxy_url})
        self._opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=trust))

    def get(self, path: str) -> bytes:
        try:
            return self._open(f"https://{HOST}{path}", self._bearer)
        except urllib.error.HTTPError as error:
            error.close()
            challenge = urllib.request.parse_keqv_list(
                urllib.request.parse_http_list(error.headers.get("WWW-Authenticate", "").partition(" ")[2])
            )
            if error.status != 401 or self._bearer or not challenge:
                raise
        basic = {"Authorization": f"Basic {self._auth}"} if self._auth else {}
        answer = self._open(f"{challenge['realm']}?service={challenge['service']}&scope={challenge['scope']}", basic)
        self._bearer = {"Authorization": f"Bearer {json.loads(answer)['token']}"}
        return self.get(path)

    def json(self, path: str) -> Any:  # noqa: ANN401
        return json.loads(self.get(path))

    def tree(self, image: str, reference: str = "latest") -> dict[str, bytes]:
        """All files of an image, later layers over earlier ones."""
        tree: dict[str, bytes] = {}
        for layer in self.json(f"/v2/{image}/manifests/{reference}")["layers"]:
            blob = self.get(f"/v2/{image}/blobs/{layer['digest']}")
            plain = gzip.decompress(blob) if layer["mediaType"].endswith("+gzip") else blob
            with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
                tree |= {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
        return tree

    def _open(self, url: str, headers: dict[str, str]) -> bytes:
        accepted = {"Accept": f"{MANIFEST}, {INDEX}"}
        request = urllib.request.Request(url, headers={**accepted, **headers})  # noqa: S310 -- the suite's own server
        with self._opener.open(request, timeout=10) as response:
            body: bytes = response.read()
            return body


def test_a_repository_is_cloned_as_it_was_put(git: Git, tmp_path: Path) -> None:
    git.put({**TREE, "model-2/other.bin": b"2"})
    cloned = run_git(git.access(), git.gateway, "clone", "--depth", "1", git.uri("model"), str(tmp_path / "out"))
    assert cloned.returncode == 0, cloned.stderr
    assert files_below(tmp_path / "out") == MODEL


def test_a_second_put_adds_a_commit(git: Git, tmp_path: Path) -> None:
    git.put({"model/a.bin": b"a"})
    git.put({"model/b.bin": b"b" * 100_000})
    run_git(git.access(), git.gateway, "clone", git.uri("model/"), str(tmp_path / "out"))
    assert files_below(tmp_path / "out") == {"a.bin": b"a", "b.bin": b"b" * 100_000}


def test_what_git_asks_is_logged_for_the_case(git: Git) -> None:
    git.put(TREE)
    run_git(git.access(), git.gateway, "ls-remote", git.uri("model"))
    assert {(r.server, r.host) for r in git.requests()} == {("git-http-backend", "git.forge.example")}


@pytest.mark.parametrize(("kind", "status"), REFUSALS)
def test_git_refuses_whom_it_should(git: Git, kind: AccessKind, status: str) -> None:
    git.put(TREE)
    listed = run_git(git.access(kind), git.gateway, "ls-remote", git.uri("model"))
    assert listed.returncode != 0
    assert git.requests()[-1].status == int(status)


def test_a_public_repository_asks_nobody(git: Git) -> None:
    git.put(TREE)
    assert run_git(git.access("anonymous"), git.gateway, "ls-remote", git.uri("model")).returncode == 0


def test_a_missing_repository_is_not_found(git: Git) -> None:
    git.put(TREE)
    assert run_git(git.access(), git.gateway, "ls-remote", git.missing()).returncode != 0
    assert git.requests()[-1].status == 404


@pytest.mark.parametrize("path", ["a.bin", "model/empty/", "model/../a.bin", "model/.git/config"])
def test_git_says_what_it_cannot_hold(git: Git, path: str) -> None:
    with pytest.raises(NotOffered, match="git: "):
        git.put({path: b""})


@pytest.mark.parametrize("path", ["", "model/sub"])
def test_only_a_repository_has_a_git_uri(git: Git, path: str) -> None:
    with pytest.raises(NotOffered):
        git.uri(path)


@pytest.mark.parametrize("layer", ["tar", "tar+gzip"])
def test_an_image_is_pulled_as_it_was_put(oci: OCI, layer: Layer) -> None:
    oci.put(TREE, layer=layer)
    oci.put({"model/late.bin": b"2"})
    pulled = Puller(oci.access(), oci.gateway).tree(f"{oci.case}/model")
    assert pulled == {f"models/{path}": content for path, content in {**MODEL, "late.bin": b"2"}.items()}


def test_an_index_names_an_image_for_each_architecture(oci: OCI) -> None:
    oci.put(TREE, index=True)
    puller = Puller(oci.access(), oci.gateway)
    index = puller.json(f"/v2/{oci.case}/model/manifests/latest")
    assert index["mediaType"] == INDEX
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == list(ARCHITECTURES)
    for entry in index["manifests"]:
        assert entry["mediaType"] == MANIFEST
        mine = entry["platform"]["architecture"] == ARCHITECTURE
        assert ("models/a.bin" in puller.tree(f"{oci.case}/model", entry["digest"])) == mine


@pytest.mark.parametrize("kind", ["none", "wrong", "denied"])
def test_the_registry_refuses_whom_it_should(oci: OCI, kind: AccessKind) -> None:
    oci.put(TREE)
    with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
        Puller(oci.access(kind), oci.gateway).tree(f"{oci.case}/model")
    refusal.value.close()


def test_an_image_to_be_run_is_put_as_it_is(oci: OCI, tmp_path: Path) -> None:
    """Its entrypoint too; a node logs in under the address that the image's name has."""
    (tmp_path / "program").write_bytes(b"x")
    one = image_layer(tmp_path / "layer.tar", {"/program": tmp_path / "program"})
    archive = write(tmp_path / "image.tar", "any/name:1", [one], {"Entrypoint": ["/program"]})
    address, image = oci.put_image("program", Image("any/name:1", archive)).removesuffix(":latest").split("/", 1)
    assert set(json.loads(oci.login_on_nodes())["auths"]) == {address}
    with pytest.raises(urllib.error.HTTPError, match=r"40[13]"):
        Puller(oci.access("wrong"), oci.gateway).tree(image)
    puller = Puller(oci.access(), oci.gateway)
    digest = puller.json(f"/v2/{image}/manifests/latest")["config"]["digest"]
    assert puller.json(f"/v2/{image}/blobs/{digest}")["config"]["Entrypoint"] == ["/program"]
    assert puller.tree(image) == {"program": b"x"}


def test_a_public_image_asks_nobody(oci: OCI) -> None:
    oci.put(TREE)
    assert Puller(oci.access("anonymous"), oci.gateway).tree(f"{oci.case}/model")


def test_a_token_opens_no_other_case(oci: OCI, fleet: Fleet, tmp_path: Path) -> None:
    oci.put(TREE)
    other = OCI(fleet.endpoints[OciRegistry.name], fleet.gateway, f"oci-{secrets.token_hex(4)}", tmp_path / "other")
    other.scratch.mkdir()
    other.put(TREE)
    other.access()
    puller = Puller(oci.access(), oci.gateway)
    assert puller.tree(f"{oci.case}/model")
    with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
        puller.get(f"/v2/{other.case}/model/manifests/latest")
    refusal.value.close()


def test_a_missing_image_is_not_found(oci: OCI) -> None:
    oci.put(TREE)
    assert oci.missing().endswith("/not-there:latest")
    with pytest.raises(urllib.error.HTTPError, match="404") as answer:
        Puller(oci.access(), oci.gateway).json(f"/v2/{oci.case}/missing/manifests/latest")
    answer.value.close()


@pytest.mark.parametrize("path", ["", "model/sub", "model/", "My Model"])
def test_only_an_image_has_an_oci_uri(oci: OCI, path: str) -> None:
    with pytest.raises(NotOffered):
        oci.uri(path)


@pytest.mark.parametrize("kind", [Local, PVC])
def test_a_folder_is_mounted_as_it_was_put(kind: type[Folder], fleet: Fleet, tmp_path: Path) -> None:
    store = kind(None, fleet.gateway, "case", tmp_path)
    store.put({**TREE, "model/empty/": b""})
    mounted = store.access().mounts[store.mount]
    assert files_below(mounted / "model") == MODEL
    assert (mounted / "model/empty").is_dir()
    assert store.uri("model").removeprefix("file://") == f"{store.mount}/model"


@pytest.mark.parametrize("kind", [Local, PVC])
def test_a_folder_holds_nothing_outside_itself(kind: type[Folder], fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(NotOffered):
        kind(None, fleet.gateway, "case", tmp_path).put({"model/../../x": b""})


def test_a_folder_asks_for_no_credentials(fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(NotOffered):
        Local(None, fleet.gateway, "case", tmp_path).access("wrong")


def test_planted_secrets_are_named(git: Git, oci: OCI) -> None:
    assert git.access().environment["GIT_PASSWORD"] in git.access().secrets
    password, encoded = oci.access().secrets
    assert base64.b64decode(encoded).decode() == f"reader:{password}"
