"""Git LFS: the content behind the pointers of a repository, from the repository's own host.

`.lfsconfig` is not read: whoever writes to a repository could send its readers' passwords to another host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from initializer import web
from initializer.failure import Failure
from initializer.remote import RemoteFile

MEDIA_TYPE = "application/vnd.git-lfs+json"
POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n?"
)
#: A pointer has fewer bytes than this.
LONGEST = 1024
REMEDY = "Push it with `git lfs push`, or check the LFS server of the repository."


def pointer(content: bytes) -> tuple[str, int] | None:
    """The object and its size in bytes, if the content is a pointer."""
    found = POINTER.fullmatch(content) if len(content) < LONGEST else None
    return (found[1].decode(), int(found[2])) if found else None


def files(site: web.Web, address: str, pointers: Mapping[str, tuple[str, int]]) -> Iterator[RemoteFile]:
    """The files behind the pointers (path -> object and size). Raises Transient, Failure."""
    links = batch(site, address, sorted(set(pointers.values()))) if pointers else {}
    for path, (oid, size) in pointers.items():
        link = links.get(oid)
        if not link:
            raise Failure(ascii(path), "not found: the LFS server does not have its content", REMEDY)
        href = web.next_hop(address, link["href"], site.resource)
        own = site if urlsplit(href)[:2] == urlsplit(address)[:2] else web.Web(site.resource, REMEDY, site.limits)
        yield RemoteFile(path, size, partial(read, own, href, link.get("header") or {}), sha256=oid)


def batch(site: web.Web, address: str, objects: list[tuple[str, int]]) -> dict[str, dict[str, Any]]:
    """Object -> the link for its download, for those that the server has."""
    wanted = [{"oid": oid, "size": size} for oid, size in objects]
    body = json.dumps({"operation": "download", "transfers": ["basic"], "objects": wanted}).encode()
    headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
    with site.ask(f"{address}/info/lfs/objects/batch", headers, body) as answer:
        web.check(answer, site)
        found = web.json_of(answer, site.resource)
    return {one["oid"]: one.get("actions", {}).get("download", {}) for one in found.get("objects", [])}


def read(site: web.Web, href: str, headers: Mapping[str, str], start: int, stop: int | None) -> Iterator[bytes]:
    """The content from `start` up to `stop`."""
    return site.read(href, start, stop, headers)
