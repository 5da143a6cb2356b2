"""A web server with files to download, like an artifact server, a CDN or presigned URLs of an object store.

URLs are `https://HOST/CASE/PATH`. `files` in the case's facts sets what a file requires and how it is served. Compared
with web servers at large: it compresses in one coding only, the coding of the file, and answers a request for several
ranges with the whole file.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, main

#: Suffix -> content type of archives, as web servers and object stores send it.
TYPES = {
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
    ".gz": "application/gzip",
    ".tar": "application/x-tar",
    ".zip": "application/zip",
}
OTHER = "application/octet-stream"
#: Content coding -> how to compress a body (RFC 9110, section 8.4.1).
CODINGS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


class HttpServer(StandIn):
    """Downloads with content types, presigned queries, required headers, redirects, codings and forced responses."""

    name = "http-server"
    hosts = ("*.files.example", "raw.githost.example")


def answer(asked: Asked, state: Path) -> Reply:
    """The file, or an error response."""
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
    return Reply(wire=found) if asks.get("wire") else _file(found, asked, asks)


def _file(found: Path, asked: Asked, asks: Mapping[str, Any]) -> Reply:
    """The file as `asks` wants it sent."""
    headers = {"Content-Type": asks.get("content_type") or content_type(found.name), **asks.get("headers", {})}
    coding = asks.get("compressed")
    if coding and coding in asked.headers.get("accept-encoding", ""):
        coded = {"Content-Encoding": coding, "Vary": "Accept-Encoding"}
        return Reply(HTTPStatus.OK, {**headers, **coded}, CODINGS[coding](found.read_bytes()))
    if asks.get("rangeless"):
        return Reply(HTTPStatus.OK, headers, found)
    return answer_file(found, asked, headers)


def content_type(name: str) -> str:
    """The content type of a file with this name."""
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
