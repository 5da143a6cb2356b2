"""Short pages: split a small listing into several pages, as services may do at any time.

S3 (`ListObjects`, `max-keys`), Google Cloud Storage (`maxResults`) and Azure (`comp=list`, `maxresults`) all document
that a page may hold fewer entries than requested, and that only its marker or token shows whether another page follows.
For S3 and Azure the gateway lowers the limit in the request. Not every server of Google's API respects `maxResults`,
so the gateway splits its responses.
"""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlencode

_OBJECTS_OF_GOOGLE = re.compile(r"/storage/v1/b/[^/]+/o/?")
_OBJECTS_OF_S3 = {"list-type", "prefix", "delimiter", "marker", "max-keys"}


def shortened(path: str, entries: int) -> tuple[str, int | None]:
    """The path, with its query, that requests a page of at most `entries`.

    Also returns the index of the page's first entry if the gateway must split the response; else None.
    """
    place, _, query = path.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    first = None
    if asked.get("comp") == "list":
        asked["maxresults"] = str(entries)
    elif _OBJECTS_OF_GOOGLE.fullmatch(place):
        first = int(asked.pop("pageToken", "0"))
    elif _OBJECTS_OF_S3 & asked.keys():
        asked["max-keys"] = str(entries)
    else:
        return path, None
    return f"{place}?{urlencode(asked)}", first


def divided(answer: bytes, first: int, entries: int) -> bytes:
    """One page of Google's listing: `entries` items from index `first` on, with the token of the next page."""
    listing = json.loads(answer)
    items = listing.get("items", [])
    listing["items"] = items[first : first + entries]
    if len(items) > first + entries:
        listing["nextPageToken"] = str(first + entries)
    return json.dumps(listing).encode()
