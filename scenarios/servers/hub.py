"""A stand-in for the Hugging Face Hub: the requests of `snapshot_download`, from huggingface_hub 0.24 to 2.4.

The facts of repository CASE/NAME are under `repositories`: `refs` (branch or tag -> commit) and `commits` (commit ->
path -> `oid`, `size`, and `lfs` with a SHA-256 for files that the real Hub keeps in LFS). The files of a commit are at
`CASE/NAME/COMMIT/`. More facts change the answers of a case:

tokens       the content needs one of them. It is then *gated*: anyone can see that a repository exists and list its
             files, but downloads need a token. With `private`, it does not exist for anybody else.
accounts     the tokens that the Hub knows. It refuses any other, even for public content.
xet          large files have Xet hashes: the hosts of the `cas` and of the `blocks` (see scenarios/servers/xet.py).
renamed      old name of a repository -> its name.
disabled     the Hub has taken the repositories down.
link_life_s  seconds for which a link to the CDN is valid.

The Hub also does the following; the stand-in does not: it limits the rate of requests, renames owners, accepts
abbreviated commits, accepts `refs/pr/1` in a path without encoding, returns the fields of `expand`, and gives tokens
scopes. The stand-in keeps a symbolic link as a file with the link's text. It accepts every token for a case without
`accounts`.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

from scenarios.servers import xet
from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, answer_json, main

HUB = "huggingface.co"
CDN = "cdn-lfs.huggingface.co"
#: The CDN for files in Xet, for clients that do not speak its protocol.
BRIDGE = "cas-bridge.xethub.hf.co"
MIRROR = "hub.mirror.example"
#: Entries per page of a tree, without and with `expand`.
PAGE, EXPANDED_PAGE = 1000, 100
#: The CDN compresses files of these kinds and sizes for clients that accept it.
COMPRESSED, COMPRESSED_BYTES = (".json", ".md", ".txt"), range(1000, 10_000_000)
LINK_LIFE_S = 3600
NO_PAGE = (HTTPStatus.NOT_FOUND, "", "Sorry, we can't find the page you are looking for.")


class Hub(StandIn):
    """The Hub with its CDN and Xet, and a mirror (as for HF_ENDPOINT) that serves everything itself."""

    name = "hugging-face-hub"
    hosts = (HUB, CDN, MIRROR, BRIDGE, xet.CAS, xet.BLOCKS)


class Refused(Exception):
    """An error response. Clients read `code` and the text from the headers."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def answer(asked: Asked, state: Path) -> Reply:
    """Respond to a request as the Hub does."""
    if asked.host in (xet.CAS, xet.BLOCKS):
        return xet.answer(asked, state)
    try:
        return _moved(asked, state) or _route(asked, state)
    except Refused as refused:
        code = {"X-Error-Code": refused.code} if refused.code else {}
        headers = {"X-Error-Message": str(refused), **code}
        return answer_json({"error": str(refused)}, refused.status, **headers)


def _moved(asked: Asked, state: Path) -> Reply | None:
    """The redirect from a repository's former name."""
    match asked.segments:
        case ("api", "models", owner, name, *_) | (owner, name, "resolve", *_):
            if new := Partition(state, owner).facts().get("renamed", {}).get(name):
                query = f"?{urlencode(asked.query)}" if asked.query else ""
                place = asked.path.replace(f"/{owner}/{name}", f"/{owner}/{new}", 1)
                return Reply(HTTPStatus.TEMPORARY_REDIRECT, {"Location": place + query})
    return None


def _route(asked: Asked, state: Path) -> Reply:
    match asked.segments:
        case ("api", "models", owner, name, *rest):
            return _api(_Repository(asked, state, owner, name), rest)
        case ("api", "resolve-cache", "models", owner, name, revision, *path):
            return _file(_Repository(asked, state, owner, name), revision, path)
        case (owner, name, "resolve", revision, *path):
            return _resolved(_Repository(asked, state, owner, name), revision, path)
        case (owner, name, commit, *path) if asked.host in (CDN, BRIDGE) and "Signature" in asked.query:
            return _linked(asked, Partition(state, owner), [name, commit, *path])
    raise Refused(*NO_PAGE)


def _api(repository: _Repository, rest: Sequence[str]) -> Reply:
    match rest:
        case ():
            return _info(repository, "main")
        case ("revision", revision):
            return _info(repository, revision)
        case ("tree", revision, *folder):
            return _tree(repository, revision, "/".join(folder))
        case ("xet-read-token", revision) if repository.xet:
            return _xet_token(repository, revision, repository.xet["cas"])
    raise Refused(*NO_PAGE)


class _Repository:
    """The repository of a request."""

    def __init__(self, asked: Asked, state: Path, owner: str, name: str) -> None:
        self.asked = asked
        self.id = f"{owner}/{name}"
        self.owner = owner
        self.name = name
        self.partition = Partition(state, owner)
        self.case = self.partition.facts()
        self.restricted = bool(self.case.get("tokens"))
        self.xet: Mapping[str, str] | None = self.case.get("xet")
        if asked.token and asked.token not in self.case.get("accounts", [asked.token]):
            raise Refused(HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header")
        self.facts: Mapping[str, Any] = self.case.get("repositories", {}).get(name, {})
        hidden = self.case.get("private") and self.partition.admit(asked.token) is not HTTPStatus.OK
        if hidden or not self.facts:
            # The Hub does not tell an anonymous client which repositories exist.
            if asked.token:
                raise Refused(HTTPStatus.NOT_FOUND, "RepoNotFound", "Repository not found")
            raise Refused(HTTPStatus.UNAUTHORIZED, "RepoNotFound", "Invalid username or password.")
        if self.case.get("disabled"):
            raise Refused(HTTPStatus.FORBIDDEN, "", "Access to this resource is disabled.")

    def commit(self, revision: str) -> str:
        """The commit of a branch, a tag, or a full commit ID."""
        commit = self.facts["refs"].get(revision, revision)
        if commit not in self.facts["commits"]:
            raise Refused(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
        return str(commit)

    def file(self, commit: str, path: Sequence[str]) -> tuple[Mapping[str, Any], Path]:
        """The facts of a file, and its content."""
        file = self.facts["commits"][commit].get("/".join(path))
        found = self.partition.find([self.name, commit, *path])
        if file is None or found is None:
            raise Refused(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found")
        return file, found

    def check_access(self) -> None:
        """Raise Refused if the caller may not read the files."""
        admitted = self.partition.admit(self.asked.token)
        restricted = f"Access to model {self.id} is restricted"
        if admitted is HTTPStatus.UNAUTHORIZED:
            text = f"{restricted}. You must have access to it and be authenticated to access it. Please log in."
            raise Refused(admitted, "GatedRepo", text)
        if admitted is HTTPStatus.FORBIDDEN:
            raise Refused(admitted, "GatedRepo", f"{restricted} and you are not in the authorized list.")


def _info(repository: _Repository, revision: str) -> Reply:
    commit = repository.commit(revision)
    private = bool(repository.case.get("private"))
    return answer_json(
        {
            "id": repository.id,
            "modelId": repository.id,
            "sha": commit,
            "private": private,
            "gated": "manual" if repository.restricted and not private else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": path} for path in sorted(repository.facts["commits"][commit])],
        }
    )


def _tree(repository: _Repository, revision: str, folder: str) -> Reply:
    files: Mapping[str, Mapping[str, Any]] = repository.facts["commits"][repository.commit(revision)]
    asked = repository.asked
    entries = _entries(files, folder, xet_hashes=repository.xet is not None and asked.host == HUB)
    if asked.query.get("recursive", "").lower() not in ("true", "1"):
        entries = [entry for entry in entries if str(PurePosixPath(entry["path"]).parent) == (folder or ".")]
    page = EXPANDED_PAGE if asked.query.get("expand", "").lower() in ("true", "1") else PAGE
    start, limit = int(asked.query.get("cursor", 0)), min(int(asked.query.get("limit", page)), page)
    if start + limit >= len(entries):
        return answer_json(entries[start:])
    query = urlencode({**asked.query, "cursor": start + limit})
    return answer_json(entries[start : start + limit], Link=f'<https://{asked.host}{asked.path}?{query}>; rel="next"')


def _entries(files: Mapping[str, Mapping[str, Any]], folder: str, *, xet_hashes: bool) -> list[dict[str, Any]]:
    """The folders and files below a folder, each with its path from the root."""
    inside = sorted(path for path in files if path.startswith(f"{folder}/" if folder else ""))
    above = {str(parent) for path in inside for parent in PurePosixPath(path).parents} - {".", folder}
    above = {path for path in above if path.startswith(f"{folder}/" if folder else "")}
    oids = {path: hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest() for path in sorted(above)}
    folders = [{"type": "directory", "oid": oid, "size": 0, "path": path} for path, oid in oids.items()]
    return folders + [{"type": "file", "path": path, **_listed(files[path], xet_hashes)} for path in inside]


def _listed(file: Mapping[str, Any], xet_hashes: bool) -> dict[str, Any]:
    if "lfs" not in file:
        return {"oid": file["oid"], "size": file["size"]}
    return {
        "oid": file["oid"],
        "size": file["size"],
        "lfs": {"oid": file["lfs"], "size": file["size"], "pointerSize": 134},
        **({"xetHash": xet.hash_of(file["lfs"])} if xet_hashes else {}),
    }


def _xet_token(repository: _Repository, revision: str, cas: str) -> Reply:
    repository.commit(revision)
    repository.check_access()
    token, url, expires = xet.token_of(repository.owner), f"https://{cas}", int(time.time()) + LINK_LIFE_S
    body = {"casUrl": url, "accessToken": token, "exp": expires}
    return answer_json(body, X_Xet_Cas_Url=url, X_Xet_Access_Token=token, X_Xet_Token_Expiration=str(expires))


def _resolved(repository: _Repository, revision: str, path: Sequence[str]) -> Reply:
    """A redirect: to the CDN for large files, to the Hub's own cache for others. The mirror sends the file itself."""
    commit = repository.commit(revision)
    repository.check_access()
    file, _ = repository.file(commit, path)
    if repository.asked.host != HUB:
        return _file(repository, revision, path)
    headers = _headers(file, commit)
    if "lfs" not in file:
        place = quote("/".join(["api/resolve-cache/models", repository.id, commit, *path]))
        query = urlencode({repository.asked.path: "", "etag": headers["ETag"]})
        return Reply(HTTPStatus.TEMPORARY_REDIRECT, {**headers, "Location": f"/{place}?{query}"})
    place = quote("/".join([repository.id, commit, *path]))
    expires = time.time() + repository.case.get("link_life_s", LINK_LIFE_S)
    query = urlencode({"Expires": expires, "Signature": "valid"})
    host = BRIDGE if repository.xet else CDN
    if repository.xet:
        headers |= _xet_headers(repository, commit, xet.hash_of(file["lfs"]), repository.xet["cas"])
    return Reply(HTTPStatus.FOUND, {**headers, "Location": f"https://{host}/{place}?{query}"})


def _headers(file: Mapping[str, Any], commit: str) -> dict[str, str]:
    etag = f'"{file.get("lfs", file["oid"])}"'
    large = {"X-Linked-ETag": etag, "X-Linked-Size": str(file["size"])} if "lfs" in file else {}
    return {"X-Repo-Commit": commit, "ETag": etag, "Content-Type": "application/octet-stream", **large}


def _xet_headers(repository: _Repository, commit: str, name: str, cas: str) -> dict[str, str]:
    auth = f'<https://{HUB}/api/models/{repository.id}/xet-read-token/{commit}>; rel="xet-auth"'
    info = f'<https://{cas}/v1/reconstructions/{name}>; rel="xet-reconstruction-info"'
    return {"X-Xet-Hash": name, "Link": f"{auth}, {info}"}


def _file(repository: _Repository, revision: str, path: Sequence[str]) -> Reply:
    """The file itself, compressed if it is a text and the client accepts that."""
    commit = repository.commit(revision)
    repository.check_access()
    file, found = repository.file(commit, path)
    headers, asked = _headers(file, commit), repository.asked
    size = found.stat().st_size
    if "lfs" not in file and found.suffix in COMPRESSED and size in COMPRESSED_BYTES and _accepts_gzip(asked):
        weak = {"ETag": f"W/{headers['ETag']}", "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Reply(HTTPStatus.OK, {**headers, **weak}, gzip.compress(found.read_bytes()))
    return answer_file(found, asked, headers)


def _accepts_gzip(asked: Asked) -> bool:
    return "gzip" in asked.headers.get("accept-encoding", "") and "range" not in asked.headers


def _linked(asked: Asked, partition: Partition, path: Sequence[str]) -> Reply:
    """A file of the CDN, by a signed link."""
    if float(asked.query.get("Expires", 0)) < time.time():
        text = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>'
        return Reply(HTTPStatus.FORBIDDEN, {"Content-Type": "application/xml"}, text)
    found = partition.find(path)
    if found is None or not found.is_file():
        raise Refused(HTTPStatus.NOT_FOUND, "", "Not found")
    return answer_file(found, asked, {"Content-Type": "application/octet-stream"})


if __name__ == "__main__":
    main(answer, __doc__)
