"""The base of the suite's own servers: a case on disk, a request and its response, and the main loop.

A stand-in is a function from `Asked` to `Reply` over its state folder. A store in another process writes there. The
server reads on every request, so uploads need no protocol and take no time.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from scenarios.servers.base import Server, Unavailable

if TYPE_CHECKING:
    from aiohttp import web

CASE = re.compile(r"[a-z0-9-]+")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
CHUNK = 2**18


class StandIn(Server):
    """One of the suite's own servers. A subclass's module is also the program."""

    fidelity = "stand-in"

    def prepare(self) -> None:
        if not importlib.util.find_spec("aiohttp"):
            raise Unavailable("aiohttp is missing; install the extra `embedded`")

    def version(self) -> str:
        return f"aiohttp {importlib.metadata.version('aiohttp')}"

    def command(self, port: int, state: Path) -> Sequence[str]:
        return [sys.executable, "-m", type(self).__module__, "--port", str(port), "--state", str(state)]


@dataclass(frozen=True)
class Partition:
    """One case on disk: its files at `STATE/CASE/`, and facts about them in `STATE/CASE.json`."""

    state: Path
    case: str

    @property
    def folder(self) -> Path:
        return self.state / self.case

    @property
    def exists(self) -> bool:
        return CASE.fullmatch(self.case) is not None and self.folder.is_dir()

    def find(self, segments: Sequence[str]) -> Path | None:
        """The file or folder at `segments` (decoded); None if it does not exist or is outside the partition."""
        if not self.exists or any(s in ("", ".", "..") or "/" in s or "\0" in s for s in segments):
            return None
        found = self.folder.joinpath(*segments)
        return found if found.exists() else None

    def facts(self) -> dict[str, Any]:
        """The recorded facts; `{}` for a case that does not exist."""
        if not self.exists:
            return {}
        try:
            facts: dict[str, Any] = json.loads((self.state / f"{self.case}.json").read_bytes())
        except FileNotFoundError:
            return {}
        return facts

    def note(self, **facts: object) -> None:
        """Add facts for all further requests."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.state / f".{self.case}.draft"
        draft.write_text(json.dumps(self.facts() | facts))
        draft.replace(self.state / f"{self.case}.json")

    def admit(self, token: str | None) -> HTTPStatus:
        """Check a token: OK, UNAUTHORIZED (missing or unknown) or FORBIDDEN (known, but not a reader's)."""
        tokens = self.facts().get("tokens")
        if not tokens or token == tokens["reader"]:
            return HTTPStatus.OK
        return HTTPStatus.FORBIDDEN if token == tokens["stranger"] else HTTPStatus.UNAUTHORIZED


@dataclass(frozen=True)
class Asked:
    """A request. `path` is as sent, without the query; `query` is decoded; names in `headers` are in lower case."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded segments of the path. An encoded slash stays inside its segment."""
        return tuple(unquote(segment, errors="surrogateescape") for segment in self.path[1:].split("/"))

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of a form in the body."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def token(self) -> str | None:
        """The bearer token of the `Authorization` header. For another scheme, the whole header counts as the token."""
        sent = self.headers.get("authorization")
        return sent.removeprefix("Bearer ") if sent else None


@dataclass(frozen=True)
class Reply:
    """A response. If `body` is a file, it sends `length` bytes from byte `start` on (None: to the end).

    silent  send nothing at all, and keep the connection open.
    wire    a file with the whole response as it goes over the wire. The server sends it and closes the connection.
    """

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""
    start: int = 0
    length: int | None = None
    silent: bool = False
    wire: Path | None = None


def answer_json(content: object, status: int = HTTPStatus.OK, **headers: str) -> Reply:
    """`content` as JSON. An underscore in a header's name becomes a dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "application/json", **named}, json.dumps(content).encode())


def answer_file(path: Path, asked: Asked, headers: Mapping[str, str], *, range_header: str = "range") -> Reply:
    """The file, or the single range of it that the client requested."""
    size = path.stat().st_size
    whole = Reply(HTTPStatus.OK, {"Accept-Ranges": "bytes", **headers}, path)
    match = RANGE.fullmatch(asked.headers.get(range_header) or asked.headers.get("range", ""))
    if match is None or not any(match.groups()):
        return whole
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        unsatisfied = {"Content-Range": f"bytes */{size}"}
        return Reply(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {**whole.headers, **unsatisfied})
    span = {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return replace(
        whole, status=HTTPStatus.PARTIAL_CONTENT, headers={**whole.headers, **span}, start=start, length=stop - start
    )


Answer = Callable[[Asked, Path], Reply]


def main(answer: Answer, description: str | None) -> None:
    """Serve `answer` over the state folder given on the command line, until terminated."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(_serve(answer, options.port, options.state.resolve()))


async def _serve(answer: Answer, port: int, state: Path) -> None:
    from aiohttp import web  # noqa: PLC0415 -- the servers' classes must load without the extra

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        asked = Asked(
            request.method,
            request.host.partition(":")[0].lower(),
            path,
            dict(parse_qsl(query, keep_blank_values=True)),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        return await _send(request, answer(asked, state))

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def _send(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    from aiohttp import web  # noqa: PLC0415

    if reply.silent:
        await asyncio.Event().wait()
    if reply.wire:
        head, _, body = reply.wire.read_bytes().partition(b"\r\n\r\n")
        assert request.transport, "the client has just asked"  # noqa: S101
        request.transport.write(head + b"\r\n\r\n" + (b"" if request.method == "HEAD" else body))
        request.transport.close()
        return web.Response()  # the connection is closed, so nothing of it is sent
    if isinstance(reply.body, bytes):
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
    with reply.body.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - reply.start if reply.length is None else reply.length
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        response.content_length = left
        await response.prepare(request)
        stream.seek(reply.start)
        while left and request.method != "HEAD":
            chunk = stream.read(min(CHUNK, left))
            left -= len(chunk)
            await response.write(chunk)
        await response.write_eof()
    return response
