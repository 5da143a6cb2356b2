"""Other names for what a store holds: listings show a name that no server would take, and requests for it are answered.

The server keeps a placeholder. JSON and XML that name it pass with the hostile name in its place, escaped as the format
asks. A request whose path has the mark of the hostile name goes to the placeholder, whatever became of the rest.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from mitmproxy import http

#: Characters that no XML document can hold, or that its readers would take for others.
_CONTROL = re.compile(r"[\x00-\x1f]")
_PREFIX = re.compile(r"(?<=prefix=)[^&]*")
_LISTS = re.compile(r"(application|text)/(.*\+)?(json|xml)")


@dataclass(frozen=True)
class Renaming:
    """What `Gateway.plan_faults` plans.

    stored  the name that the server gives in listings.
    shown   what listings show instead.
    mark    a part of `shown` that is in nothing else, and survives whatever a client does to dots and slashes.
    target  the path by which the server gives the content.
    """

    stored: str
    shown: str
    mark: str
    target: str

    def restored(self, path: str) -> str:
        """The path, with its query, by which the server knows what was asked for."""
        place, _, query = path.partition("?")
        # A client may list what it was shown once more, by its whole name.
        query = _PREFIX.sub(lambda found: quote(self.stored, safe="") if self._bears(found[0]) else found[0], query)
        if self._bears(place):
            # Google's clients ask for content and for facts at two places.
            before = "/download" if place.startswith("/download/") else ""
            place = f"{before}{self.target}"
        return place + (f"?{query}" if query else "")

    def _bears(self, quoted: str) -> bool:
        return self.mark in unquote(quoted, errors="replace")

    def concerns(self, response: http.Response) -> bool:
        """Whether the response may be a listing."""
        return _LISTS.match(response.headers.get("content-type", "")) is not None

    def show(self, response: http.Response) -> None:
        """Put the hostile name into a listing."""
        text = (response.content or b"").decode()
        kind = response.headers["content-type"]
        response.content = (self._in_json(text) if "json" in kind else self._in_xml(text)).encode()

    def _in_json(self, text: str) -> str:
        return text.replace(json.dumps(self.stored), json.dumps(self.shown))

    def _in_xml(self, text: str) -> str:
        """As S3 escapes it where the client asks for that and where it does not, and as Azure does."""
        written, mark = escape(self.shown), ""
        if "<EncodingType>url</EncodingType>" in text:
            written = quote(self.shown)
        elif f"<Key>{self.stored}</Key>" in text:
            written = _CONTROL.sub(lambda found: f"&#{ord(found[0])};", written)
        elif _CONTROL.search(self.shown):
            written, mark = quote(self.shown), ' Encoded="true"'
        named = re.compile(rf"<(Key|Name)>{re.escape(self.stored)}</\1>")
        return named.sub(lambda found: f"<{found[1]}{mark}>{written}</{found[1]}>", text)
