"""Pages of listings, as the gateway cuts them."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import pytest
from mitmproxy import http

from scenarios.network.gateway.paging import Listing, listing_of
from scenarios.network.paging import Oddity, Paging

KEYS = [f"m/{n}.bin" for n in range(5)]
S3, GOOGLE = "/b?list-type=2&prefix=m%2F", "/storage/v1/b/b/o?prefix=m"
#: A request for a listing -> (its field for a token, the whole listing).
LISTINGS = {
    S3: ("continuation-token", "<R>" + "".join(f"<Contents><Key>{key}</Key></Contents>" for key in KEYS) + "</R>"),
    "/b?prefix=m": ("marker", "<R>" + "".join(f"<Contents><Key>{key}</Key></Contents>" for key in KEYS) + "</R>"),
    "/a/c?restype=container&comp=list": (
        "marker",
        "<R><Blobs>" + "".join(f"<Blob><Name>{key}</Name></Blob>" for key in KEYS) + "</Blobs><NextMarker/></R>",
    ),
    GOOGLE: ("pageToken", json.dumps({"items": [{"name": key} for key in KEYS]})),
    "/api/models/o/m/tree/main?recursive=true": ("cursor", json.dumps([{"path": key} for key in KEYS])),
}


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (f"{S3}&max-keys=1000", S3),
        (f"{S3}&continuation-token=page-1-2", S3),
        ("/a/c?restype=container&comp=list&maxresults=9", "/a/c?restype=container&comp=list"),
        (f"{GOOGLE}&pageToken=page-1-2&maxResults=7", GOOGLE),
        ("/b/m/x.bin?versionId=1", None),
        ("/storage/v1/b/b/o/m%2Fx.bin?alt=media", None),
    ],
)
def test_the_server_lists_everything(asked: str, sent: str | None) -> None:
    """Requests for anything but a listing are passed on as they are."""
    listing = listing_of(asked, Paging(2))
    assert (listing.whole if listing else None) == sent


@pytest.mark.parametrize("path", LISTINGS, ids=["s3", "s3-older", "azure", "google", "hub"])
@pytest.mark.parametrize("oddity", ["", "empty", "reserved", "lean"])
def test_pages_follow_each_other(path: str, oddity: Oddity) -> None:
    """Together they have each entry once."""
    pages = list(_pages(path, Paging(2, oddity)))
    assert [key for page in pages for key in page] == KEYS
    assert [len(page) for page in pages] == ([0, 2, 0, 2, 0, 1] if oddity == "empty" else [2, 2, 1])


@pytest.mark.parametrize("path", LISTINGS, ids=["s3", "s3-older", "azure", "google", "hub"])
def test_pages_overlap_and_turn_round(path: str) -> None:
    """The first entry of a page is the last of the one before; or the last key comes first."""
    assert list(_pages(path, Paging(2, "repeated")))[1][0] == KEYS[1]
    assert [key for page in _pages(path, Paging(2, "reversed")) for key in page] == KEYS[::-1]


@pytest.mark.parametrize("path", LISTINGS, ids=["s3", "s3-older", "azure", "google", "hub"])
@pytest.mark.parametrize("oddity", ["same", "fresh"])
def test_some_listings_never_end(path: str, oddity: Oddity) -> None:
    """The second page comes again and again."""
    pages = _pages(path, Paging(2, oddity))
    assert [next(pages) for _ in range(6)] == [KEYS[:2], *[KEYS[2:4]] * 5]


def test_a_key_is_a_marker_of_the_older_listing_alone() -> None:
    """A client without NextMarker goes on behind the last key of a page."""
    assert _answer(_listing(f"/b?prefix=m&marker={quote(KEYS[1])}", Paging(2)))[0] == KEYS[2:4]
    refused = _listing(f"{S3}&continuation-token={quote(KEYS[1])}", Paging(2)).refusal()
    assert refused is not None
    assert refused.status_code == 400


def test_the_second_page_can_fail() -> None:
    """Refused, or half a body."""
    refused = _listing(f"{S3}&continuation-token=page-1-2", Paging(2, "refused")).refusal()
    assert refused is not None
    assert refused.status_code == 403
    with pytest.raises(ET.ParseError):
        _answer(_listing(f"{S3}&continuation-token=page-1-2", Paging(2, "half")))


def _pages(path: str, paging: Paging) -> Iterator[list[str]]:
    """The keys of each page."""
    token = ""
    while True:
        field, _ = LISTINGS[path]
        listing = _listing(f"{path}&{urlencode({field: token})}" if token else path, paging)
        assert listing.refusal() is None
        keys, token = _answer(listing)
        yield keys
        if not token:
            return


def _listing(path: str, paging: Paging) -> Listing:
    found = listing_of(path, paging)
    assert found is not None
    return found


def _answer(listing: Listing) -> tuple[list[str], str]:
    """The keys of the page, and the token of the next."""
    _, whole = LISTINGS[listing.whole]
    response = http.Response.make(200, whole)
    listing.cut(response, "store.example")
    text = (response.content or b"").decode()
    if text.startswith("<"):
        root = ET.fromstring(text)  # noqa: S314 -- made here
        keys = [one.text or "" for one in root.iter() if one.tag in ("Key", "Name")]
        return keys, next((one.text or "" for one in root.iter() if one.tag.startswith("Next")), "")
    page = json.loads(text)
    if isinstance(page, dict):
        return [item["name"] for item in page.get("items", [])], page.get("nextPageToken", "")
    link = re.search(r"[?&]cursor=([^>]*)>", response.headers.get("link", ""))
    return [entry["path"] for entry in page], http.Request.make("GET", f"http://x/?c={link[1]}").query[
        "c"
    ] if link else ""
