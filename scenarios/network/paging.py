"""How a store cuts its listings into pages, as plain data. The gateway cuts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The unusual trait of a listing's pages.
#:   empty     every other page holds no entry but has a token, the first page too
#:   same      each page has the same token, which leads to the second page, so the listing never ends
#:   fresh     each page has another token, and all tokens lead to the second page
#:   repeated  each page begins with the last entry of the page before
#:   reserved  tokens contain characters that a URL has to encode
#:   lean      optional fields are missing
#:   reversed  the entries come in descending order
#:   refused   the store refuses the second page with 403
#:   half      the body of the second page ends in the middle
Oddity = Literal["", "empty", "same", "fresh", "repeated", "reserved", "lean", "reversed", "refused", "half"]


@dataclass(frozen=True)
class Paging:
    """The pages of the listings of one case.

    entries  the maximum number of entries (files, folders) on a page.
    """

    entries: int
    oddity: Oddity = ""
