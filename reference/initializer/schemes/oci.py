"""`oci://REGISTRY/NAME[:TAG|@DIGEST]`: the `models/` folder of an image, by the distribution API."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

from initializer import credentials, limits, web
from initializer.failure import Failure, not_found, unauthenticated
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "OCI"
CONFIG = "/mnt/oci-fetch-auth/config.json"
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
LAYER = re.compile(r"\.layer\.v1\.tar(\+gzip)?$|rootfs\.diff\.tar(\.gzip)?$")
GOARCH = {"x86_64": "amd64", "aarch64": "arm64"}
REMEDY = "Check registry, image and tag, and the pull Secret (KSERVE_OCI_DOCKER_CONFIG)."
MALFORMED = "Expected oci://REGISTRY/NAME[:TAG|@DIGEST]."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The layers of the image for this machine, in their order."""
    registry = Registry.of(uri, environment)
    manifest = registry.manifest(registry.reference)
    if manifest.get("manifests"):
        manifest = registry.manifest(for_this_machine(manifest["manifests"], uri)["digest"])
    for layer in manifest.get("layers", []):
        kind, digest = str(layer["mediaType"]), str(layer["digest"])
        if kind.endswith("+zstd"):
            raise Failure(uri, "unsupported: a layer is compressed with zstd", "Build the image with gzip layers.")
        if LAYER.search(kind):
            sha256 = digest.removeprefix("sha256:")
            yield RemoteFile(digest, layer["size"], partial(registry.read, digest), sha256=sha256, form="layer")


def parse(uri: str) -> tuple[str, str, str]:
    """Registry, name and tag or digest. Raises Failure."""
    registry, _, image = uri.removeprefix("oci://").partition("/")
    name, at, digest = image.partition("@")
    name, _, tag = name.partition(":")
    if not registry or not name:
        raise Failure(uri, "malformed: registry and image cannot be empty", MALFORMED)
    return registry, name, digest if at else tag or "latest"


def for_this_machine(manifests: list[dict[str, Any]], uri: str) -> dict[str, Any]:
    """The entry of an index for this machine. Raises Failure."""
    wanted = ("linux", GOARCH.get(platform.machine(), platform.machine()))
    for entry in manifests:
        offered = entry.get("platform", {})
        if (offered.get("os"), offered.get("architecture")) == wanted:
            return entry
    raise not_found(uri, f"The index has no image for {'/'.join(wanted)}.")


def login(registry: str, environment: Environment) -> str | None:
    """The Basic credentials for the registry in the docker config, if there are any."""
    path = Path(environment.get("KSERVE_OCI_DOCKER_CONFIG") or CONFIG)
    if not path.exists():
        return None
    try:
        known = json.loads(path.read_text())["auths"]
        entry: dict[str, str] = next((known[key] for key in (registry, f"https://{registry}") if key in known), {})
        encoded = entry.get("auth") or base64.b64encode(f"{entry['username']}:{entry['password']}".encode()).decode()
        base64.b64decode(encoded, validate=True)
    except KeyError:
        return None
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise Failure(str(path), "invalid: no docker config.json", "Mend the pull Secret.") from None
    return str(encoded)


@dataclass
class Registry:
    """One image in its registry. basic: the Basic credentials; token: what the registry's authority gave for them."""

    site: web.Web
    url: str
    reference: str
    basic: str | None
    token: str | None = field(default=None)

    @classmethod
    def of(cls, uri: str, environment: Environment) -> Registry:
        """As the environment allows: an insecure registry may have any certificate, or speak plain HTTP."""
        registry, name, reference = parse(uri)
        insecure = credentials.is_true(environment, "KSERVE_OCI_INSECURE_REGISTRY")
        verify = False if insecure else None
        site = web.Web(uri, REMEDY, limits.of(environment, BACKEND), verify=verify)
        self = cls(site, f"https://{registry}/v2/{name}", reference, login(registry, environment))
        if insecure and not speaks_tls(site, registry):
            self.url = f"http://{registry}/v2/{name}"
        return self

    def manifest(self, reference: str) -> dict[str, Any]:
        """The manifest or index of a tag or digest; one that was asked for by digest has to match it."""
        accepted = {"Accept": ", ".join((*INDEXES, *MANIFESTS))}
        with self.ask(f"{self.url}/manifests/{reference}", accepted) as answer:
            manifest = web.json_of(answer, self.site.resource)
            content = answer.content
        if reference.startswith("sha256:") and hashlib.sha256(content).hexdigest() != reference[7:]:
            raise Failure(self.site.resource, "the manifest does not match its digest", "Push the image again.")
        return dict(manifest)

    def read(self, digest: str, start: int, stop: int | None) -> Iterator[bytes]:
        """A blob's bytes."""
        answer = self.ask(f"{self.url}/blobs/{digest}", {"Range": web.span(start, stop)})
        skipped = 0 if answer.status_code == 206 else start
        return self.site.content(answer, skipped, None if stop is None else stop - start)

    def ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        """The open answer; a challenge is met once. Raises Transient, Failure."""
        answer = self.site.ask(url, headers | self.authorization())
        if answer.status_code == 401:
            answer.close()
            self.token = self.admission(answer.headers.get("WWW-Authenticate", ""))
            answer = self.site.ask(url, headers | self.authorization())
        web.check(answer, self.site)
        return answer

    def authorization(self) -> dict[str, str]:
        """The header for the registry."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else self.basic_header()

    def basic_header(self) -> dict[str, str]:
        """The header with the credentials themselves."""
        return {"Authorization": f"Basic {self.basic}"} if self.basic else {}

    def admission(self, challenge: str) -> str:
        """A token from the authority that the challenge names."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        if not challenge.lower().startswith("bearer ") or "realm" not in fields:
            raise unauthenticated(self.site.resource, REMEDY)
        realm = fields["realm"]
        if self.site.verify is not False:
            web.next_hop(self.url, realm, self.site.resource)
        query = urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
        with self.site.get(f"{realm}?{query}", self.basic_header()) as answer:
            given = web.json_of(answer, self.site.resource)
        return str(given.get("token") or given.get("access_token"))


def speaks_tls(site: web.Web, registry: str) -> bool:
    """Whether an insecure registry has TLS at all."""
    try:
        replace(site).ask(f"https://{registry}/v2/").close()
    except Failure:
        return False
    return True
