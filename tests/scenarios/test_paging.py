"""Listings in short pages, as the gateway makes them."""

import json

import pytest

from scenarios.network.gateway.paging import divided, shortened


@pytest.mark.parametrize(
    ("asked", "sent", "first"),
    [
        ("/b?list-type=2&prefix=m%2F", "/b?list-type=2&prefix=m%2F&max-keys=10", None),
        ("/b?prefix=m&max-keys=1000", "/b?prefix=m&max-keys=10", None),
        ("/a/c?restype=container&comp=list", "/a/c?restype=container&comp=list&maxresults=10", None),
        ("/storage/v1/b/b/o?prefix=m&pageToken=20", "/storage/v1/b/b/o?prefix=m", 20),
        ("/storage/v1/b/b/o?prefix=m", "/storage/v1/b/b/o?prefix=m", 0),
        ("/b/m/x.bin?versionId=1", "/b/m/x.bin?versionId=1", None),
        ("/storage/v1/b/b/o/m%2Fx.bin?alt=media", "/storage/v1/b/b/o/m%2Fx.bin?alt=media", None),
    ],
    ids=["s3", "s3-older", "azure", "google-later", "google", "object", "google-object"],
)
def test_listings_are_asked_for_less(asked: str, sent: str, first: int | None) -> None:
    """Everything else is passed on as it is."""
    assert shortened(asked, 10) == (sent, first)


def test_pages_of_google_follow_each_other() -> None:
    """Each with the token of the next, but for the last."""
    whole = json.dumps({"kind": "storage#objects", "items": [{"name": str(n)} for n in range(25)]}).encode()
    names, token = [], "0"
    while token:
        page = json.loads(divided(whole, int(token), 10))
        names += [item["name"] for item in page["items"]]
        token = page.get("nextPageToken", "")
    assert names == [str(n) for n in range(25)]
