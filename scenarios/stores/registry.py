"""Repositories in an OCI registry, whatever they hold: the accounts, the URIs and the uploads."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import urljoin

from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import accounts
from scenarios.servers.base import DIRECT, Endpoint, Mode, Server
from scenarios.servers.images import DistributionImage
from scenarios.servers.oci_registry import ELSEWHERE, Distribution, OciRegistry
from scenarios.stores.base import NOBODY, Access, AccessKind, Store

HOST = OciRegistry.hosts[0]
#: The path where KServe's webhook mounts the pull secret (oci_fetch.go, 0.21).
CREDENTIALS = "/mnt/oci-fetch-auth"
NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class RegistryStore(Store):
    """Repositories `CASE/NAME` with the tag `latest`. The first segment of a path names one."""

    servers: ClassVar[Mapping[Mode, type[Server]]] = {
        "embedded": OciRegistry,
        "native": Distribution,
        "container": DistributionImage,
    }
    #: The variables that lead clients to the docker config.json in CREDENTIALS.
    login_variables: ClassVar[Mapping[str, str]] = {"KSERVE_OCI_DOCKER_CONFIG": f"{CREDENTIALS}/config.json"}

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._folder = self.server.state / case
        self._accounts = {name: f"{name}-{secrets.token_hex(8)}" for name in ("reader", "stranger")}

    def move_blobs(self) -> None:
        """Serve the layers of this case from another host, as registries on object stores do."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / ELSEWHERE).touch()

    def uri(self, path: str = "") -> str:
        return f"{self.name}://{HOST}/{self.case}/{self._valid(path)}:latest"

    def with_word(self, uri: str, word: str) -> str:
        """Append the word as a tag."""
        return f"{uri}:{word}"

    def at_revision(self, uri: str, revision: str) -> str:
        return f"{uri.removesuffix(':latest')}:{revision}"

    def access(self, kind: AccessKind = "valid") -> Access:
        if kind == "session":
            raise NotOffered(f"{self.name}: a docker config.json has no session tokens")
        if kind == "anonymous":
            accounts.publish(self._folder)
        else:
            accounts.restrict(self._folder, self._accounts, readers=["reader"])
        access = Access(self.gateway.environment(), self.gateway.mounts)
        if kind in {"none", "anonymous"}:
            return access
        name = "stranger" if kind == "denied" else "reader"
        password = "not-the-password" if kind == "wrong" else self._accounts[name]
        config = self.scratch / f"{self.name}-{kind}" / "config.json"
        config.parent.mkdir(exist_ok=True)
        config.write_text(login(HOST, name, password))
        return Access(
            {**access.environment, **self.login_variables},
            {**access.mounts, CREDENTIALS: config.parent},
            secrets=(password, _basic(name, password)),
        )

    def missing(self) -> str:
        return self.uri("not-there")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return f"{self.name}://{address}/{self.case}/model:latest", self.access()

    def _valid(self, image: str) -> str:
        if not NAME.fullmatch(image):
            raise NotOffered(f"{self.name}: {image!r} cannot name a repository, and only repositories have a URI")
        return image

    def _upload(self, image: str, blob: bytes) -> None:
        """Upload a blob of the repository `image`."""
        where = self._send("POST", f"/v2/{image}/blobs/uploads/", b"", "application/octet-stream")
        separator = "&" if "?" in where else "?"
        self._send("PUT", f"{where}{separator}digest={digest(blob)}", blob, "application/octet-stream")

    def _tag(self, image: str, manifest: bytes, media_type: str = MANIFEST, reference: str = "latest") -> None:
        """Upload a manifest, or an index, under a tag or its digest."""
        self._send("PUT", f"/v2/{image}/manifests/{reference}", manifest, media_type)

    def _send(self, method: str, path: str, body: bytes, media_type: str) -> str:
        """Send one request past the gateway. Returns the Location of the response."""
        request = urllib.request.Request(  # noqa: S310 -- the suite's own server
            urljoin(self.server.direct_url, path), data=body, method=method, headers={"Content-Type": media_type}
        )
        with DIRECT.open(request, timeout=30) as response:
            return str(response.headers.get("Location", ""))


def _basic(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode()


def login(host: str, name: str, password: str) -> str:
    """Docker's config.json for one registry."""
    return json.dumps({"auths": {host: {"auth": _basic(name, password)}}})


def digest(blob: bytes) -> str:
    """How manifests refer to the blob."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def descriptor(media_type: str, blob: bytes) -> dict[str, str | int]:
    """The entry of a manifest for the blob."""
    return {"mediaType": media_type, "digest": digest(blob), "size": len(blob)}


def document(media_type: str, **fields: object) -> bytes:
    """A manifest or an index."""
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}).encode()
