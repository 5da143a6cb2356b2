"""A stand-in for the Hugging Face Hub: the requests of `snapshot_download`, from huggingface_hub 0.24 to 2.4.

The facts of repository CASE/NAME are under `repositories`: `refs` (branch or tag -> commit) and `commits` (commit ->
path -> `oid`, `size`, and `lfs` with a SHA-256 for files that the real Hub keeps in LFS). The files of a commit are at
`CASE/NAME/COMMIT/`. There are no Xet hashes, so every client uses the plain download. A restricted case is *gated*:
anyone can see that it exists and list its files, but downloads need a token (as on huggingface.co).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, answer_json, main

HUB = "huggingface.co"
CDN = "cdn-lfs.huggingface.co"
MIRROR = "hub.mirror.example"
#: Entries per page of a tree.
PAGE = 1000


class Hub(StandIn):
    """The Hub with its CDN, and a mirror (as for HF_ENDPOINT) that serves everything itself."""

    name = "hugging-face-hub"
    hosts = (HUB, CDN, MIRROR)


class Refused(Exception):
    """An error response. Clients read `code` and the text from the headers."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def answer(asked: Asked, state: Path) -> Reply:
    """Respond to a request as the Hub does."""
    try:
        return _route(asked, state)
    except Refused as refused:
        code = {"X-Error-Code": refused.code} if refused.code else {}
        headers = {"X-Error-Message": str(refused), **code}
        return answer_json({"error": str(refused)}, refused.status, **headers)


def _route(asked: Asked, state: Path) -> Reply:
    match asked.segments:
        case ("api", "models", owner, name):
            return _info(_Repository(asked, state, owner, name), "main")
        case ("api", "models", owner, name, "revision", revision):
            return _info(_Repository(asked, state, owner, name), revision)
        case ("api", "models", owner, name, "tree", revision):
            return _tree(_Repository(asked, state, owner, name), revision)
        case (owner, name, "resolve", revision, *path):
            return _file(_Repository(asked, state, owner, name), revision, path)
        case (owner, name, commit, *path) if asked.host == CDN and "Signature" in asked.query:
            found = Partition(state, owner).find([name, commit, *path])
            if found and found.is_file():
                return answer_file(found, asked, {"Content-Type": "application/octet-stream"})
    raise Refused(HTTPStatus.NOT_FOUND, "", "Sorry, we can't find the page you are looking for.")


class _Repository:
    """The repository of a request."""

    def __init__(self, asked: Asked, state: Path, owner: str, name: str) -> None:
        self.asked = asked
        self.id = f"{owner}/{name}"
        self.name = name
        self.partition = Partition(state, owner)
        facts = self.partition.facts()
        self.restricted = bool(facts.get("tokens"))
        if asked.token and self.restricted and self.partition.admit(asked.token) is HTTPStatus.UNAUTHORIZED:
            raise Refused(HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header")
        try:
            self.facts: Mapping[str, Any] = facts.get("repositories", {})[name]
        except KeyError:
            # The Hub does not tell an anonymous client which repositories exist.
            if asked.token:
                raise Refused(HTTPStatus.NOT_FOUND, "RepoNotFound", "Repository not found") from None
            raise Refused(HTTPStatus.UNAUTHORIZED, "RepoNotFound", "Invalid username or password.") from None

    def commit(self, revision: str) -> str:
        """The commit of a branch, a tag, or a full commit ID."""
        commit = self.facts["refs"].get(revision, revision)
        if commit not in self.facts["commits"]:
            raise Refused(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
        return str(commit)

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
    return answer_json(
        {
            "id": repository.id,
            "modelId": repository.id,
            "sha": commit,
            "private": False,
            "gated": "manual" if repository.restricted else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": path} for path in repository.facts["commits"][commit]],
        }
    )


def _tree(repository: _Repository, revision: str) -> Reply:
    files: Mapping[str, Mapping[str, Any]] = repository.facts["commits"][repository.commit(revision)]
    entries = [{"type": "file", "path": path, **_listed(file)} for path, file in files.items()]
    asked = repository.asked
    start, limit = int(asked.query.get("cursor", 0)), int(asked.query.get("limit", PAGE))
    if start + limit >= len(entries):
        return answer_json(entries[start:])
    query = urlencode({**asked.query, "cursor": start + limit})
    return answer_json(entries[start : start + limit], Link=f'<https://{asked.host}{asked.path}?{query}>; rel="next"')


def _listed(file: Mapping[str, Any]) -> dict[str, Any]:
    if "lfs" not in file:
        return {"oid": file["oid"], "size": file["size"]}
    return {
        "oid": file["oid"],
        "size": file["size"],
        "lfs": {"oid": file["lfs"], "size": file["size"], "pointerSize": 134},
    }


def _file(repository: _Repository, revision: str, path: Sequence[str]) -> Reply:
    commit = repository.commit(revision)
    repository.check_access()
    file = repository.facts["commits"][commit].get("/".join(path))
    found = repository.partition.find([repository.name, commit, *path])
    if file is None or found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found")
    etag = f'"{file.get("lfs", file["oid"])}"'
    headers = {"X-Repo-Commit": commit, "ETag": etag, "Content-Type": "application/octet-stream"}
    if "lfs" in file:
        headers |= {"X-Linked-ETag": etag, "X-Linked-Size": str(file["size"])}
        if repository.asked.host == HUB:
            place = quote("/".join([repository.id, commit, *path]))
            return Reply(HTTPStatus.FOUND, {**headers, "Location": f"https://{CDN}/{place}?Signature=valid"})
    return answer_file(found, repository.asked, headers)


if __name__ == "__main__":
    main(answer, __doc__)
