"""A Git smart-HTTP server: Git's own `git http-backend`, run as CGI behind a small HTTP front end.

The repositories are bare, at `STATE/CASE/NAME.git`. `STATE/CASE/auth.json` makes a case's repositories private. Git LFS
is not part of `git http-backend`; `git_lfs` answers its requests.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.servers import git_lfs
from scenarios.servers.accounts import admit
from scenarios.servers.base import Server, Unavailable, require_packages

if TYPE_CHECKING:
    from aiohttp import web

#: The maximum size of a fetch request in bytes. That of a shallow clone is below 1 KiB.
REQUEST_LIMIT = 16 * 2**20
CHUNK = 2**16


class GitHttp(Server):
    """Git's own server program. The suite only adds a front end that runs it, asks for a password, and serves LFS."""

    name = "git-http-backend"
    fidelity = "real"
    #: A repository's `.lfsconfig` can name the second host.
    hosts = ("git.forge.example", "lfs.elsewhere.example")

    def prepare(self) -> None:
        if not shutil.which("git"):
            raise Unavailable("git is not on PATH; install git")
        if not (Path(_git("--exec-path")) / "git-http-backend").exists():
            raise Unavailable("git has no http-backend; install the package that contains it (git or git-daemon)")
        require_packages("aiohttp")

    def version(self) -> str:
        return _git("--version").removeprefix("git version ")

    def command(self, port: int, state: Path) -> Sequence[str]:
        return [sys.executable, "-m", __spec__.name, "--port", str(port), "--state", str(state)]


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


async def respond(request: web.Request, root: Path) -> web.StreamResponse:
    """Answer one request for a repository below `root`."""
    from aiohttp import web  # noqa: PLC0415 -- the class above must load without the extra

    case = request.path.strip("/").partition("/")[0]
    status = admit(root / case, request.headers.get("Authorization")) if case else HTTPStatus.NOT_FOUND
    if status is not HTTPStatus.OK:
        challenge = {"WWW-Authenticate": 'Basic realm="git"'} if status is HTTPStatus.UNAUTHORIZED else {}
        return web.Response(status=status, text=status.phrase, headers=challenge)
    body = await request.read()
    if git_lfs.PLACE in request.path:
        answered, kind, content = git_lfs.answer(root, request.host, request.path, body)
        return web.Response(status=answered, content_type=kind, body=content)
    backend = await asyncio.create_subprocess_exec(
        *("git", "http-backend"),
        env=_cgi(request, root, len(body)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert backend.stdin is not None  # noqa: S101 -- a pipe was asked for
    assert backend.stdout is not None  # noqa: S101
    backend.stdin.write(body)
    backend.stdin.close()
    try:
        response = web.StreamResponse()
        while line := (await backend.stdout.readline()).decode("latin-1").strip():
            name, _, value = line.partition(":")
            if name == "Status":
                response.set_status(int(value.split()[0]))
            else:
                response.headers[name] = value.strip()
        await response.prepare(request)
        while chunk := await backend.stdout.read(CHUNK):
            await response.write(chunk)
        await response.write_eof()
        return response
    finally:
        # A client that disconnects early leaves a backend that is still writing.
        with contextlib.suppress(ProcessLookupError):
            backend.kill()
        await backend.wait()


def _cgi(request: web.Request, root: Path, length: int) -> dict[str, str]:
    """The variables of `git help http-backend`. The front end has already decoded the request's Content-Encoding."""
    return {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "REMOTE_ADDR": request.remote or "",
    }


def main() -> None:
    """Serve until terminated."""
    from aiohttp import web  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await respond(request, options.state)

    app = web.Application(client_max_size=REQUEST_LIMIT)
    app.router.add_route("*", "/{path:.*}", handle)
    web.run_app(app, host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
