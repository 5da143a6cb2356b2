"""Hostile names: show a name in listings that no server accepts, and answer requests for it.

The server stores a placeholder. The gateway replaces the placeholder in JSON and XML responses by the hostile name,
escaped for the format. It routes a request whose path contains the mark of the hostile name to the placeholder,
whatever the client did to the rest of the name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from mitmproxy import http

#: Characters that XML does not allow, or that XML parsers normalize.
_CONTROL = re.compile(r"[\x00-\x1f]")
_PREFIX = re.compile(r"(?<=prefix=)[^&]*")
_LISTS = re.compile(r"(application|text)/(.*\+)?(json|xml)")


@dataclass(frozen=True)
class Renaming:
    """A renaming, as planned by `Gateway.plan_faults`.

    stored  the name in the server's listings.
    shown   the name that listings show instead.
    mark    a part of `shown` that occurs nowhere else. It survives whatever a client does to dots and slashes.
    target  the path at which the server has the content.
    """

    stored: str
    shown: str
    mark: str
    target: str

    def restored(self, path: str) -> str:
        """The path, with its query, that the server knows for the requested one."""
        place, _, query = path.partition("?")
        # A client may list a shown name again, by its whole key.
        query = _PREFIX.sub(lambda found: quote(self.stored, safe="") if self._bears(found[0]) else found[0], query)
        if self._bears(place):
            # Google's clients request content and metadata at two different paths.
            before = "/download" if place.startswith("/download/") else ""
            place = f"{before}{self.target}"
        return place + (f"?{query}" if query else "")

    def _bears(self, quoted: str) -> bool:
        return self.mark in unquote(quoted, errors="replace")

    def concerns(self, response: http.Response) -> bool:
        """Whether the response may be a listing."""
        return _LISTS.match(response.headers.get("content-type", "")) is not None

    def show(self, response: http.Response) -> None:
        """Insert the hostile name into a listing."""
        text = (response.content or b"").decode()
        kind = response.headers["content-type"]
        response.content = (self._in_json(text) if "json" in kind else self._in_xml(text)).encode()

    def _in_json(self, text: str) -> str:
        return text.replace(json.dumps(self.stored), json.dumps(self.shown))

    def _in_xml(self, text: str) -> str:
        """Escape it like S3, with and without the client's `encoding-type`, or like Azure."""
        written, mark = escape(self.shown), ""
        if "<EncodingType>url</EncodingType>" in text:
            written = quote(self.shown)
        elif f"<Key>{self.stored}</Key>" in text:
            written = _CONTROL.sub(lambda found: f"&#{ord(found[0])};", written)
        elif _CONTROL.search(self.shown):
            written, mark = quote(self.shown), ' Encoded="true"'
        named = re.compile(rf"<(Key|Name)>{re.escape(self.stored)}</\1>")
        return named.sub(lambda found: f"<{found[1]}{mark}>{written}</{found[1]}>", text)
