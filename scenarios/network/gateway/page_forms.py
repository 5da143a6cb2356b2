"""The forms of pages: how each API requests a page of a listing, and how a page names the next."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from mitmproxy import http

_S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
#: Parts of a listing that clients can do without.
_OPTIONAL = ("KeyCount", "MaxKeys", "MaxResults", "Marker", "ContinuationToken")
ET.register_namespace("", _S3)

Query = Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a listing."""

    key: str
    content: Any


@dataclass(frozen=True)
class Page:
    """One page. token: of the next page; "" for the last. lean: without optional parts. whole: URL of the listing."""

    entries: Sequence[Entry]
    token: str
    lean: bool
    asked: Query
    whole: str


class Form(ABC):
    """The listings of one API. token, limit: its fields in the query. keys_as_tokens: whether a key can be a token."""

    token: ClassVar[str]
    limit: ClassVar[str]
    keys_as_tokens: ClassVar[bool] = False

    @abstractmethod
    def concerns(self, place: str, asked: Query) -> bool:
        """Whether a request for the path `place` asks for a listing."""

    @abstractmethod
    def entries(self, body: bytes) -> list[Entry]:
        """All entries of a listing."""

    @abstractmethod
    def show(self, response: http.Response, page: Page) -> None:
        """Replace the listing in `response` by one page."""

    def error(self, status: HTTPStatus, code: str) -> http.Response:
        """An error answer."""
        text = f"<Error><Code>{code}</Code><Message>{status.description}</Message></Error>"
        return http.Response.make(status, text, {"content-type": "application/xml", "x-ms-error-code": code})


class _Xml(Form):
    """Entries are elements of certain names; `following` names the element with the next token."""

    following: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    inside: ClassVar[str] = "."

    def entries(self, body: bytes) -> list[Entry]:
        holder = self._holder(ET.fromstring(body))  # noqa: S314 -- of the suite's own servers
        found = [Entry(_text(one), one) for one in holder if _name(one) in self.names]
        return sorted(found, key=lambda entry: entry.key)

    def show(self, response: http.Response, page: Page) -> None:
        root = ET.fromstring(response.content or b"")  # noqa: S314
        holder = self._holder(root)
        for one in [one for one in holder if _name(one) in self.names]:
            holder.remove(one)
        holder.extend(entry.content for entry in page.entries)
        self.mark(root, page)
        if page.lean:
            for one in [one for one in root if _name(one) in _OPTIONAL]:
                root.remove(one)
        response.content = ET.tostring(root, encoding="utf-8", xml_declaration=True)

    def mark(self, root: ET.Element, page: Page) -> None:
        """Write the token of the next page."""
        _set(root, self.following, page.token or (None if page.lean else ""))

    def _holder(self, root: ET.Element) -> ET.Element:
        return root if self.inside == "." else next(one for one in root if _name(one) == self.inside)


class _S3Listing(_Xml):
    """`ListObjectsV2`."""

    token, limit, following = "continuation-token", "max-keys", "NextContinuationToken"
    names = ("Contents", "CommonPrefixes")

    def concerns(self, place: str, asked: Query) -> bool:  # noqa: ARG002
        return asked.get("list-type") == "2"

    def mark(self, root: ET.Element, page: Page) -> None:
        _set(root, "IsTruncated", "true" if page.token else None if page.lean else "false")
        _set(root, "KeyCount", str(len(page.entries)))
        _set(root, self.following, self._written(page) or None)

    def _written(self, page: Page) -> str:
        return page.token


class _OldS3Listing(_S3Listing):
    """`ListObjects`. Compatible stores name the next marker without a delimiter too."""

    token, following, keys_as_tokens = "marker", "NextMarker", True

    def concerns(self, place: str, asked: Query) -> bool:  # noqa: ARG002
        return bool({"prefix", "delimiter", "marker", "max-keys"} & asked.keys()) and "comp" not in asked

    def _written(self, page: Page) -> str:
        return quote(page.token) if page.asked.get("encoding-type") == "url" else page.token


class _AzureListing(_Xml):
    """`List Blobs`."""

    token, limit, following = "marker", "maxresults", "NextMarker"
    names, inside = ("Blob", "BlobPrefix"), "Blobs"

    def concerns(self, place: str, asked: Query) -> bool:  # noqa: ARG002
        return asked.get("comp") == "list" and asked.get("restype") == "container"


class _AzureFilesListing(_AzureListing):
    """`List Directories and Files`."""

    names, inside = ("File", "Directory"), "Entries"

    def concerns(self, place: str, asked: Query) -> bool:  # noqa: ARG002
        return asked.get("comp") == "list" and asked.get("restype") == "directory"


class _Json(Form):
    def error(self, status: HTTPStatus, code: str) -> http.Response:
        text = json.dumps({"error": {"code": status, "message": f"{code}: {status.description}"}})
        return http.Response.make(status, text, {"content-type": "application/json"})


class _GoogleListing(_Json):
    """`Objects: list`. A page without objects has no `items`."""

    token, limit = "pageToken", "maxResults"

    def concerns(self, place: str, asked: Query) -> bool:  # noqa: ARG002
        return re.fullmatch(r"/storage/v1/b/[^/]+/o/?", place) is not None

    def entries(self, body: bytes) -> list[Entry]:
        listing = json.loads(body or b"{}")
        items = [Entry(item["name"], ("items", item)) for item in listing.get("items", [])]
        return items + [Entry(prefix, ("prefixes", prefix)) for prefix in listing.get("prefixes", [])]

    def show(self, response: http.Response, page: Page) -> None:
        listing: dict[str, Any] = {} if page.lean else {"kind": "storage#objects"}
        for entry in page.entries:
            kind, content = entry.content
            listing.setdefault(kind, []).append(content)
        response.content = json.dumps(listing | ({"nextPageToken": page.token} if page.token else {})).encode()


class _HubListing(_Json):
    """The tree of a repository. The header `Link` has the URL of the next page."""

    token, limit = "cursor", "limit"

    def concerns(self, place: str, asked: Query) -> bool:  # noqa: ARG002
        return re.match(r"/api/models/[^/]+/[^/]+/tree/", place) is not None

    def entries(self, body: bytes) -> list[Entry]:
        return [Entry(entry["path"], entry) for entry in json.loads(body)]

    def show(self, response: http.Response, page: Page) -> None:
        response.content = json.dumps([entry.content for entry in page.entries]).encode()
        response.headers.pop("link", None)
        if page.token:
            joined = "&" if "=" in page.whole else ""
            response.headers["link"] = f'<{page.whole}{joined}{urlencode({self.token: page.token})}>; rel="next"'


FORMS: tuple[Form, ...] = (
    _GoogleListing(),
    _HubListing(),
    _AzureListing(),
    _AzureFilesListing(),
    _S3Listing(),
    _OldS3Listing(),
)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(entry: ET.Element) -> str:
    """The key, name or prefix of an entry."""
    return next(one.text or "" for one in entry if _name(one) in ("Key", "Name", "Prefix"))


def _set(root: ET.Element, name: str, text: str | None) -> None:
    """Give the element's child `name` the text; None removes the child."""
    for one in [one for one in root if _name(one) == name]:
        root.remove(one)
    if text is not None:
        space = root.tag.rpartition("}")[0]
        ET.SubElement(root, f"{space}}}{name}" if space else name).text = text
