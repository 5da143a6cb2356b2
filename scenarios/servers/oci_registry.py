"""A real OCI registry behind a token authority, as public registries have one (Docker's token protocol).

A pull needs a token. `/token` issues one for the images that the caller may read by `STATE/CASE/auth.json`. Like Docker
Hub, it answers 401 to unknown credentials, and gives an anonymous caller a token for public repositories only. Only the
suite pushes, without a token. Image names are `CASE/NAME`.

Basic authentication alone (htpasswd) is not enough: oras, KServe's client since 0.21.0, requests a token from the
challenge's realm whatever the scheme.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_binary
from scenarios.servers.accounts import admit
from scenarios.servers.base import DIRECT, Server, Unavailable, require_packages
from scenarios.servers.process import free_ports

if TYPE_CHECKING:
    from aiohttp import ClientSession, web

REGISTRY_READY_WITHIN_S = 20.0
CHUNK = 2**18
#: A placeholder for the inner port in the registry's argument vector.
PORT = "{port}"
_OWN_HEADERS = frozenset({"authorization", "connection", "transfer-encoding", "keep-alive", "proxy-authorization"})


class OciRegistry(Server):
    """Google's registry, in memory. It is small enough to build for every run.

    `crane` listens on an IP address. The module's own `registry` listens on a name that not every machine resolves.
    """

    name = "go-containerregistry"
    fidelity = "real"
    hosts = ("registry.oci.example",)
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


class Front:
    """The token authority and a reverse proxy to the registry at `upstream`."""

    def __init__(self, state: Path, upstream: str, session: ClientSession) -> None:
        self._state = state
        self._upstream = upstream
        self._session = session
        #: Token -> the case whose images it opens; None for none.
        self._grants: dict[str, str | None] = {}

    async def token(self, request: web.Request) -> web.Response:
        """Issue a token for the requested scope (`repository:CASE/NAME:pull`)."""
        from aiohttp import web  # noqa: PLC0415 -- the classes above must load without the extra

        _, _, image = request.query.get("scope", "").partition(":")
        case = image.partition("/")[0]
        authorization = request.headers.get("Authorization")
        status = admit(self._state / case, authorization) if case else HTTPStatus.FORBIDDEN
        if authorization and status is HTTPStatus.UNAUTHORIZED:
            return _refusal("UNAUTHORIZED", "incorrect username or password", {})
        token = secrets.token_urlsafe()
        self._grants[token] = case if status is HTTPStatus.OK else None
        return web.json_response({"token": token, "access_token": token, "expires_in": 300})

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Forward any other request to the registry, if it pushes or has a token for this repository."""
        from aiohttp import web  # noqa: PLC0415

        image = request.path.removeprefix("/v2/").split("/")
        if request.method in {"GET", "HEAD"} and not self._opens(request, image[0]):
            scope = f',scope="repository:{"/".join(image[:-2])}:pull"' if image[0] else ""
            scheme = "http" if request.host.startswith("127.0.0.1") else "https"
            challenge = f'Bearer realm="{scheme}://{request.host}/token",service="{request.host}"{scope}'
            return _refusal("UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
        target = self._upstream + request.path_qs
        body = request.content.iter_chunked(CHUNK) if request.can_read_body else None
        async with self._session.request(
            request.method, target, headers=headers, data=body, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN_HEADERS}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(CHUNK):
                await response.write(chunk)
            await response.write_eof()
            return response

    def _opens(self, request: web.Request, case: str) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._grants.get(token) == case if case else token in self._grants


def _refusal(code: str, message: str, headers: Mapping[str, str]) -> web.Response:
    from aiohttp import web  # noqa: PLC0415

    errors = {"errors": [{"code": code, "message": message}]}
    return web.json_response(errors, status=HTTPStatus.UNAUTHORIZED, headers=headers)


def start_registry(argv: Sequence[str]) -> str:
    """Start `argv` with a free port for `PORT`. Returns its URL once it answers. It ends with the process group."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    registry = subprocess.Popen([part.replace(PORT, str(port)) for part in argv])
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
        app.router.add_route("*", "/{path:.*}", front.pass_on)
        return app

    web.run_app(application(), host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
