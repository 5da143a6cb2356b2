"""Short pages: a listing comes in parts, as services may answer at any time, without thousands of files.

S3 (`ListObjects`, `max-keys`), Google Cloud Storage (`maxResults`) and Azure (`comp=list`, `maxresults`) all document
that a page may hold less than was asked for, and that only its marker or token shows whether there is another one.
The servers of S3 and Azure are asked for less. Not every server of Google's API heeds `maxResults`, so its answers are
divided here.
"""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlencode

_OBJECTS_OF_GOOGLE = re.compile(r"/storage/v1/b/[^/]+/o/?")
_OBJECTS_OF_S3 = {"list-type", "prefix", "delimiter", "marker", "max-keys"}


def shortened(path: str, entries: int) -> tuple[str, int | None]:
    """The path, with its query, by which a server is asked for a page of at most `entries`.

    With the first entry that the page is to have, where the answer has to be divided; None for all others.
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
    """A page of Google's listing: `entries` of its items from the `first` on, with the token of the next page."""
    listing = json.loads(answer)
    items = listing.get("items", [])
    listing["items"] = items[first : first + entries]
    if len(items) > first + entries:
        listing["nextPageToken"] = str(first + entries)
    return json.dumps(listing).encode()
