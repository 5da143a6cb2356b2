"""A real OCI registry behind a token authority, as public registries have one (Docker's token protocol).

A pull needs a token. `/token` issues one for the images that the caller may read by `STATE/CASE/auth.json`. Like Docker
Hub, it answers 401 to unknown credentials, and gives an anonymous caller a token for public repositories only. A token
opens the repositories of its scope, at this service, for five minutes. Only the suite pushes, without a token. Image
names are `CASE/NAME`.

Basic authentication alone (htpasswd) is not enough: oras, KServe's client since 0.21.0, requests a token from the
challenge's realm whatever the scheme.

The front adds two habits of public registries that the small registry lacks. It serves a manifest only to a client
that accepts its type, as CNCF's distribution does. With the file `STATE/CASE/elsewhere`, it sends clients to another
host for the blobs, as registries on object stores do; that host takes its own signature and refuses an Authorization
header.

Public registries also do the following; this one does not, and that hides no defect:

- Limits of pulls (429): rules plan them as faults of the gateway.
- Refresh tokens, and POST to the token endpoint: their clients fall back to GET, which every registry answers.
- Manifests of Docker's older schema: no registry of today serves schema 1.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_binary
from scenarios.servers import supervisor
from scenarios.servers.accounts import admit
from scenarios.servers.base import DIRECT, Server, Unavailable, require_packages
from scenarios.servers.process import free_ports

if TYPE_CHECKING:
    from aiohttp import ClientSession, web

REGISTRY_READY_WITHIN_S = 20.0
CHUNK = 2**18
#: A placeholder for the inner port in the registry's argument vector.
PORT = "{port}"
#: Seconds that a token is valid.
TOKEN_S = 300
#: A registry serves these only to a client that accepts them.
TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json")
#: The host of the blobs of a case with the file ELSEWHERE.
BLOB_HOST = "blobs.oci.example"
ELSEWHERE = "elsewhere"
_OWN_HEADERS = frozenset({"authorization", "connection", "transfer-encoding", "keep-alive", "proxy-authorization"})


class OciRegistry(Server):
    """Google's registry, in memory. It is small enough to build for every run.

    `crane` listens on an IP address. The module's own `registry` listens on a name that not every machine resolves.
    """

    name = "go-containerregistry"
    fidelity = "real"
    hosts = ("registry.oci.example", BLOB_HOST)
    package: ClassVar[str] = "github.com/google/go-containerregistry/cmd/crane"
    package_version: ClassVar[str] = "v0.22.1"

    def prepare(self) -> None:
        require_packages("aiohttp")
        try:
            self._program()
        except ToolFailed as reason:
            raise Unavailable(str(reason)) from reason

    def version(self) -> str:
        return self.package_version.removeprefix("v")

    def command(self, port: int, state: Path) -> Sequence[str]:
        front = [sys.executable, "-m", __spec__.name, "--port", str(port), "--state", str(state), "--"]
        return [*front, *self.registry(state)]

    def registry(self, state: Path) -> Sequence[str]:  # noqa: ARG002 -- this one keeps nothing on disk
        """The registry's argument vector, with `PORT` as a placeholder for its port."""
        return [str(self._program()), "registry", "serve", "--address", f"127.0.0.1:{PORT}"]

    def _program(self) -> Path:
        return go_binary(self.package, self.package_version, self.package.rpartition("/")[2])


class Distribution(OciRegistry):
    """The registry of the CNCF's distribution project, on which Docker Hub and most hosted registries are based."""

    name = "distribution"
    package = "github.com/distribution/distribution/v3/cmd/registry"
    package_version = "v3.1.2"

    def registry(self, state: Path) -> Sequence[str]:
        configuration = state / "registry.json"
        storage = {"filesystem": {"rootdirectory": str(state / "blobs")}}
        configuration.write_text(json.dumps({"version": "0.1", "storage": storage, "http": {}}))
        variables = [f"REGISTRY_HTTP_ADDR=127.0.0.1:{PORT}", "OTEL_TRACES_EXPORTER=none"]
        return ["env", *variables, str(self._program()), "serve", str(configuration)]


@dataclass(frozen=True)
class Grant:
    """The images at a service that a token opens, for a time."""

    service: str
    images: frozenset[str]
    until: float = field(default_factory=lambda: time.monotonic() + TOKEN_S)

    def opens(self, service: str, image: str) -> bool:
        """Whether the token opens `image`; "" for the registry itself."""
        return service == self.service and time.monotonic() < self.until and (not image or image in self.images)


class Front:
    """The token authority, the host of the blobs, and a reverse proxy to the registry at `upstream`."""

    def __init__(self, state: Path, upstream: str, session: ClientSession) -> None:
        self._state = state
        self._upstream = upstream
        self._session = session
        self._grants: dict[str, Grant] = {}
        #: The signature of the blobs' URLs.
        self._signature = secrets.token_urlsafe()

    async def token(self, request: web.Request) -> web.Response:
        """Issue a token for the requested scopes (`repository:CASE/NAME:pull`)."""
        from aiohttp import web  # noqa: PLC0415 -- the classes above must load without the extra

        authorization = request.headers.get("Authorization")
        images = set()
        for scope in " ".join(request.query.getall("scope", [])).split():
            kind, _, rest = scope.partition(":")
            image, _, actions = rest.rpartition(":")
            status = admit(self._state / image.partition("/")[0], authorization)
            if authorization and status is HTTPStatus.UNAUTHORIZED:
                return _refusal(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "incorrect username or password")
            if kind == "repository" and "pull" in actions.split(",") and status is HTTPStatus.OK:
                images.add(image)
        token = secrets.token_urlsafe()
        self._grants[token] = Grant(request.query.get("service", ""), frozenset(images))
        return web.json_response({"token": token, "access_token": token, "expires_in": TOKEN_S})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Respond to any other request: by the registry, if it pushes or has a token for this repository."""
        image, kind = _addressed(request.path)
        if request.method not in {"GET", "HEAD"}:
            return await self._pass_on(request)
        if request.host == BLOB_HOST:
            return await self._blob(request)
        if not self._opens(request, image):
            scope = f',scope="repository:{image}:pull"' if image else ""
            scheme = "http" if request.host.startswith("127.0.0.1") else "https"
            challenge = f'Bearer realm="{scheme}://{request.host}/token",service="{request.host}"{scope}'
            more = {"WWW-Authenticate": challenge}
            return _refusal(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "authentication required", more)
        if kind == "blobs" and (self._state / image.partition("/")[0] / ELSEWHERE).exists():
            place = f"https://{BLOB_HOST}{request.path}?X-Amz-Signature={self._signature}"
            return _refusal(HTTPStatus.TEMPORARY_REDIRECT, "REDIRECT", "the blob is elsewhere", {"Location": place})
        return await self._pass_on(request)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        """A blob at its own host, as an object store with presigned URLs serves it."""
        if "Authorization" in request.headers:
            text = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter should be specified"
            return _refusal(HTTPStatus.BAD_REQUEST, "InvalidArgument", text)
        if request.query.get("X-Amz-Signature") != self._signature:
            return _refusal(HTTPStatus.FORBIDDEN, "AccessDenied", "Access Denied")
        return await self._pass_on(request)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web  # noqa: PLC0415

        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
        target = self._upstream + request.path_qs
        body = request.content.iter_chunked(CHUNK) if request.can_read_body else None
        async with self._session.request(
            request.method, target, headers=headers, data=body, allow_redirects=False
        ) as answer:
            if request.method in {"GET", "HEAD"} and not _accepts(request, answer.content_type):
                what = "index" if "index" in answer.content_type else "manifest"
                text = f"OCI {what} found, but accept header does not support OCI {what}s"
                return _refusal(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", text)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN_HEADERS}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(CHUNK):
                await response.write(chunk)
            await response.write_eof()
            return response

    def _opens(self, request: web.Request, image: str) -> bool:
        grant = self._grants.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return grant is not None and grant.opens(request.host, image)


def _addressed(path: str) -> tuple[str, str]:
    """Return the image of a path of the API, and the requested part of it; ("", "") for the registry itself."""
    parts = path.removeprefix("/v2/").split("/")
    return ("/".join(parts[:-2]), parts[-2]) if len(parts) > 2 else ("", "")


def _accepts(request: web.Request, kind: str) -> bool:
    """Whether the client may get a manifest of this type. A wildcard is not enough for CNCF's distribution."""
    accepted = ",".join(request.headers.getall("Accept", [])).split(",")
    return kind not in TYPES or kind in {one.partition(";")[0].strip() for one in accepted}


def _refusal(status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    from aiohttp import web  # noqa: PLC0415

    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status, headers=headers)


def start_registry(argv: Sequence[str]) -> str:
    """Start `argv` with a free port for `PORT`. Returns its URL once it answers. It ends with this process."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [part.replace(PORT, str(port)) for part in argv]
    registry = subprocess.Popen([sys.executable, "-IS", supervisor.__file__, *command], stdin=subprocess.PIPE)
    deadline = time.monotonic() + REGISTRY_READY_WITHIN_S
    while registry.poll() is None and time.monotonic() < deadline:
        try:
            DIRECT.open(f"{url}/v2/", timeout=2).close()
        except OSError:
            time.sleep(0.02)
        else:
            return url
    sys.exit(f"{argv[0]} did not listen within {REGISTRY_READY_WITHIN_S:g} s (status {registry.poll()})")


def main() -> None:
    """Serve until terminated."""
    from aiohttp import ClientSession, web  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("registry", nargs="+", help="the registry's argument vector")
    options = parser.parse_args()
    upstream = start_registry(options.registry)

    async def application() -> web.Application:
        app = web.Application()
        front = Front(options.state, upstream, ClientSession(auto_decompress=False))
        app.router.add_get("/token", front.token)
        app.router.add_route("*", "/{path:.*}", front.answer)
        return app

    web.run_app(application(), host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
