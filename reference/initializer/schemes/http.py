"""`http(s)://HOST/PATH`: one file. `HOST-headers` holds request headers for that host, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from initializer import archives, codings, limits, transfer, web
from initializer.failure import Failure, of_status, printable
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "HTTP"
REMEDY = "Check the URI, and the headers in the variable HOST-headers."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The one file. The first piece is asked for here: its answer tells the size, and whether there are ranges."""
    name = file_name(uri)
    site = web.Web(printable(uri), REMEDY, limits.of(environment, BACKEND), headers(uri, environment))
    download = Download(site, uri, site.ask(uri, {"Range": web.span(0, transfer.SMALLEST)}))
    yield RemoteFile(name, download.size(), download.read, parts=download.first_status == 206 and not download.coding)


def file_name(uri: str) -> str:
    """The path's last segment, decoded; an archive named in the query only is known by that (`download?file=m.zip`)."""
    parts = urlsplit(uri)
    name = unquote(parts.path).rpartition("/")[2]
    if not name:
        raise Failure(printable(uri), "malformed: no filename in the URI", "Expected https://HOST/PATH/FILE.")
    if archives.is_archive(name):
        return name
    asked = [value.rpartition("/")[2] for _, value in parse_qsl(parts.query)]
    return next(filter(archives.is_archive, asked), name)


def headers(uri: str, environment: Environment) -> dict[str, str]:
    """What this host wants to be sent."""
    name = f"{urlsplit(uri).hostname}-headers"
    try:
        return {key: str(value) for key, value in json.loads(environment.get(name) or "{}").items()}
    except (ValueError, AttributeError):
        raise Failure(name, "invalid: not a JSON object", 'Give headers as {"NAME": "VALUE"}.') from None


@dataclass
class Download:
    """A file, and the answer to the first request for it, which serves the first read."""

    site: web.Web
    uri: str
    first: requests.Response | None

    def __post_init__(self) -> None:
        assert self.first is not None
        self.first_status = self.first.status_code
        self.first_headers = self.first.headers
        self.coding = codings.of(self.first_headers)
        web.first_byte(self.first, 0, self.site.resource)
        if self.first_status not in (*web.CONTENT, 416):
            self.first.close()
            waiting = web.retry_after(self.first_headers)
            raise of_status(self.first_status, self.site.resource, self.site.remedy, waiting)

    def size(self) -> int | None:
        """Of the whole file, in bytes, if the server tells. A file without a byte has no range (416)."""
        if self.coding:
            return None
        if self.first_status in (206, 416):
            total = self.first_headers.get("Content-Range", "").rpartition("/")[2]
            return int(total) if total.isdigit() else None
        length = self.first_headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None

    def read(self, start: int, stop: int | None) -> Iterator[bytes]:
        """Bytes `start` to `stop`."""
        if self.coding:  # the server counts ranges in encoded bytes
            yield from self.site.content(self.whole(), start)
            return
        if start == 0 and self.first is not None:
            first, self.first = self.first, None
            for chunk in self.site.content(first, 0, stop):
                start += len(chunk)
                yield chunk
            if stop is None or start >= stop:
                return
        tag = self.first_headers.get("ETag", "")
        strong = {"If-Match": tag} if tag.startswith('"') else {}
        yield from self.site.read(self.uri, start, stop, strong)

    def whole(self) -> requests.Response:
        """An answer with the whole file, the first one if it is that."""
        first, self.first = self.first, None
        if first is not None and first.status_code == 200:
            return first
        if first is not None:
            first.close()
        return self.site.get(self.uri)
