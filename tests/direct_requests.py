"""Ask a store's server over HTTP, without the gateway."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from scenarios.stores.base import Access, Store, Tree

#: A file whose name has every character that clients treat specially.
ODD = "model/a b/%41+#?&=ü/.hidden/d/e/f/g;@~'.bin"
TREE: Tree = {"model/a.bin": b"0123456789", ODD: b"odd", "model/empty.txt": b""}


@dataclass(frozen=True)
class Answer:
    """A response, which may be an error or a redirect."""

    status: int
    headers: Message
    body: bytes


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def ask(store: Store, url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    """Request `url` from the server of `store`. The host of the URL goes only into the Host header."""
    assert store.endpoint
    parts = urlsplit(url)
    direct = store.endpoint.direct_url + parts.path + (f"?{parts.query}" if parts.query else "")
    named = {"Host": parts.netloc, **(headers or {})}
    request = urllib.request.Request(direct, headers=named, method=method)  # noqa: S310 -- always http
    try:
        with _OPENER.open(request, timeout=10) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def bearer(access: Access) -> dict[str, str]:
    """Return the header that carries the one token of `access`. Empty if it has none."""
    return {"Authorization": f"Bearer {access.secrets[0]}"} if access.secrets else {}
