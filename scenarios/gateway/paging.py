"""Short pages: a listing comes in parts, as services may answer at any time, without thousands of files.

S3 (`ListObjects`, `max-keys`), Google Cloud Storage (`maxResults`) and Azure (`comp=list`, `maxresults`) all document
that a page may hold less than was asked for, and that only its marker or token shows whether there is another one.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

_OBJECTS_OF_GOOGLE = re.compile(r"/storage/v1/b/[^/]+/o/?")
_OBJECTS_OF_S3 = {"list-type", "prefix", "delimiter", "marker", "max-keys"}


def shortened(path: str, entries: int) -> str:
    """The path, with its query, of a request whose answer lists at most `entries`; other requests stay as they are."""
    place, _, query = path.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if asked.get("comp") == "list":
        size = "maxresults"
    elif _OBJECTS_OF_GOOGLE.fullmatch(place):
        size = "maxResults"
    elif _OBJECTS_OF_S3 & asked.keys():
        size = "max-keys"
    else:
        return path
    return f"{place}?{urlencode({**asked, size: str(entries)})}"
