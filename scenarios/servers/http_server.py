"""A web server with files to download, as an artifact server, a CDN or a presigned object URL shows them.

`https://HOST/CASE/PATH`; what a file asks for, and how it is answered, lies under `files` in the case's facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, main

#: Content types of archives, as web servers and object stores give them by suffix.
TYPES = {
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
    ".gz": "application/gzip",
    ".tar": "application/x-tar",
    ".zip": "application/zip",
}
OTHER = "application/octet-stream"


class HttpServer(StandIn):
    """Plain downloads with content types, presigned queries, required headers, redirects and forced statuses."""

    name = "http-server"
    hosts = ("*.files.example",)


def answer(asked: Asked, state: Path) -> Reply:
    """The file, or why not."""
    case, *segments = asked.segments
    partition = Partition(state, case)
    facts = partition.facts()
    asks = facts.get("files", {}).get("/".join(segments), {})
    refused = _refusal(asked, partition, asks)
    if refused is not HTTPStatus.OK:
        return _plain(refused)
    if "redirect_to" in asks:
        return Reply(asks["status"], {"Location": asks["redirect_to"]})
    found = partition.find(segments)
    if found is None or not found.is_file():
        return _plain(HTTPStatus.NOT_FOUND)
    return answer_file(found, asked, {"Content-Type": asks.get("content_type") or content_type(found.name)})


def content_type(name: str) -> str:
    """The type a server gives a file of this name."""
    return next((kind for suffix, kind in TYPES.items() if name.lower().endswith(suffix)), OTHER)


def _refusal(asked: Asked, partition: Partition, asks: Mapping[str, Any]) -> HTTPStatus:
    status = HTTPStatus(asks.get("status", HTTPStatus.OK))
    if status >= HTTPStatus.BAD_REQUEST:
        return status
    if (admitted := partition.admit(asked.token)) is not HTTPStatus.OK:
        return admitted
    if any(asked.headers.get(name.lower()) != value for name, value in asks.get("headers_required", {}).items()):
        return HTTPStatus.UNAUTHORIZED
    if any(asked.query.get(name) != value for name, value in asks.get("query_required", {}).items()):
        return HTTPStatus.FORBIDDEN
    return HTTPStatus.OK


def _plain(status: HTTPStatus) -> Reply:
    return Reply(status, {"Content-Type": "text/plain"}, f"{status.value} {status.phrase}\n".encode())


if __name__ == "__main__":
    main(answer, __doc__)
