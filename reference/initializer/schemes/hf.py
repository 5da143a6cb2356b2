"""`hf://OWNER/MODEL[:REVISION]`, by the hub's API.

huggingface_hub downloads into a cache of its own, in files that it names itself, so that it is of no use here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urljoin

from initializer import limits, remote, web
from initializer.failure import Failure, not_found, unauthenticated
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "HF"
HUB = "https://huggingface.co"
REMEDY = "Check owner, model and revision; for a gated or private model set HF_TOKEN and ask for access."
MALFORMED = "Expected hf://OWNER/MODEL[:REVISION]."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """All files of the repository at the revision, which is pinned to its commit first."""
    owner, model, revision = parse(uri)
    hub = endpoint(environment)
    site = web.Web(uri, REMEDY, limits.of(environment, BACKEND), headers(environment))
    repository = f"{quote(owner)}/{quote(model)}"
    info = f"{hub}/api/models/{repository}/revision/{quote(revision, safe='')}"
    commit = ask(site, info)[0]["sha"]
    listed = tree(site, f"{hub}/api/models/{repository}/tree/{commit}?recursive=true&expand=false")
    for _, entry in remote.once(((entry["path"], entry) for entry in listed), uri):
        if entry["type"] == "file":
            url = f"{hub}/{repository}/resolve/{commit}/{quote(entry['path'])}"
            large = entry.get("lfs") or {}
            reading = partial(read, site, url)
            yield RemoteFile(entry["path"], entry["size"], reading, sha256=large.get("oid") or large.get("sha256"))


def parse(uri: str) -> tuple[str, str, str]:
    """Owner, model and revision. Raises Failure for anything else."""
    name, _, revision = uri.removeprefix("hf://").removesuffix("/").partition(":")
    parts = name.split("/")
    if len(parts) != 2:
        raise Failure(uri, "malformed: not an owner and a model", MALFORMED)
    owner, model = parts
    if not owner or not model:
        raise Failure(uri, "malformed: owner and model cannot be empty", MALFORMED)
    return owner, model, revision or "main"


def endpoint(environment: Environment) -> str:
    """The hub, or the mirror that stands in for it."""
    return (environment.get("HF_ENDPOINT") or HUB).rstrip("/")


def headers(environment: Environment) -> dict[str, str]:
    """The token, if there is one."""
    token = environment.get("HF_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def ask(site: web.Web, url: str) -> tuple[Any, Mapping[str, str]]:
    """A JSON answer of the hub, with its headers. To callers without a token it hides what does not exist (401)."""
    with site.ask(url) as answer:
        code = answer.headers.get("X-Error-Code", "")
        if code in ("RepoNotFound", "RevisionNotFound"):
            raise not_found(site.resource, f"({code}) {REMEDY}")
        if code == "GatedRepo":
            raise unauthenticated(site.resource, REMEDY)
        web.check(answer, site)
        return web.json_of(answer, site.resource), answer.headers


def tree(site: web.Web, url: str) -> Iterator[dict[str, Any]]:
    """All entries of a repository, page by page."""
    import requests  # noqa: PLC0415 -- only for its parser of Link headers

    while url:
        entries, headers = ask(site, url)
        yield from entries
        links = requests.utils.parse_header_links(headers.get("Link", ""))
        url = next((urljoin(url, link["url"]) for link in links if link.get("rel") == "next"), "")


def read(site: web.Web, url: str, start: int, stop: int | None) -> Iterator[bytes]:
    """A file's bytes, from the hub or from where it redirects to."""
    return site.read(url, start, stop)
