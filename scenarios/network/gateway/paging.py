"""Pages: cut a small listing into several pages, as services may do at any time.

S3 (`ListObjects`, both versions), Google Cloud Storage, Azure (blobs and files) and the Hub (a repository's tree) all
answer a listing in pages. A page may hold fewer entries than the client requested, and only its token shows whether
another page follows. A real page holds 1000 (S3, Google, the Hub) or 5000 entries (Azure). The gateway asks the server
for the whole listing and cuts it itself, so that a case needs few files and all servers cut alike.

Like the services, it answers 400 to a token that it did not give. A marker of S3's first version may also be a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from mitmproxy import http

from scenarios.network.gateway.page_forms import FORMS, Form, Page
from scenarios.network.paging import Paging

#: Seconds between the pages of a listing that never ends.
PAUSE_S = 0.05
_RESERVED = "a+b/c==&d%2F e"
_PLACE = re.compile(r"(\d+)-(\d+)$")


@dataclass(frozen=True)
class Listing:
    """A request for one page of a listing.

    whole  the path, with its query, that requests all entries at once.
    step   the number of the page; 0 for the first.
    start  the index of its first entry.
    after  the key after which the page begins, if the client named one instead of a token.
    """

    form: Form
    paging: Paging
    whole: str
    asked: Mapping[str, str]
    entries: int
    step: int = 0
    start: int = 0
    after: str = ""
    unknown: bool = False

    def refusal(self) -> http.Response | None:
        """The answer to a request that the store refuses; None for any other."""
        if self.unknown:
            return self.form.error(HTTPStatus.BAD_REQUEST, "InvalidArgument")
        if self.paging.oddity == "refused" and self.step == 1:
            return self.form.error(HTTPStatus.FORBIDDEN, "AccessDenied")
        return None

    @property
    def pause_s(self) -> float:
        """Seconds to wait before the page, so that a client that reads for ever leaves time for other calls."""
        return PAUSE_S if self.paging.oddity in {"same", "fresh"} and self.step else 0.0

    def cut(self, response: http.Response, host: str) -> None:
        """Replace the whole listing in `response` by the requested page."""
        whole = self.form.entries(response.content or b"")
        if self.paging.oddity == "reversed":
            whole = whole[::-1]
        first, last, following = self._bounds([entry.key for entry in whole])
        page = Page(
            whole[first:last], following, self.paging.oddity == "lean", self.asked, f"https://{host}{self.whole}"
        )
        self.form.show(response, page)
        if self.paging.oddity == "half" and self.step == 1:
            body = response.content or b""
            response.content = body[: len(body) // 2]

    def _bounds(self, keys: list[str]) -> tuple[int, int, str]:
        """The page's first and last index, and the token of the next page."""
        oddity, step, entries = self.paging.oddity, self.step, self.entries
        start = keys.index(self.after) + 1 if self.after in keys else self.start
        if oddity == "empty" and step % 2 == 0:
            return start, start, token(self.paging, step + 1, start)
        if oddity in {"same", "fresh"}:
            following = 1 if oddity == "same" or step == 0 else step + 1
            return start, start + entries, token(self.paging, following, start if step else start + entries)
        first = max(0, start - 1) if oddity == "repeated" else start
        more = start + entries < len(keys)
        return first, start + entries, token(self.paging, step + 1, start + entries) if more else ""


def token(paging: Paging, step: int, start: int) -> str:
    """The token of a page."""
    return f"{_RESERVED if paging.oddity == 'reserved' else 'page'}-{step}-{start}"


def listing_of(path: str, paging: Paging) -> Listing | None:
    """The page that a request for `path` (with its query) asks for; None for a request for anything else."""
    place, _, query = path.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    form = next((form for form in FORMS if form.concerns(place, asked)), None)
    if form is None:
        return None
    wish = int(asked.get(form.limit) or paging.entries)
    rest = {name: value for name, value in asked.items() if name not in (form.token, form.limit)}
    listing = Listing(form, paging, f"{place}?{urlencode(rest)}", asked, min(wish, paging.entries))
    return _positioned(listing, asked.get(form.token, ""))


def _positioned(listing: Listing, given: str) -> Listing:
    """The listing at the page that the token `given` names."""
    if not given:
        return listing
    found = _PLACE.search(given)
    step, start = (int(found[1]), int(found[2])) if found else (0, 0)
    if given == token(listing.paging, step, start):
        return replace(listing, step=step, start=start)
    key = given if listing.form.keys_as_tokens else ""
    return replace(listing, step=1, after=key, unknown=not key)
