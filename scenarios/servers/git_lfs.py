"""Git LFS for the server of repositories: the batch API and the transfer `basic`, for downloads.

The object with the ID OID of a repository is at `STATE/CASE/NAME.git/lfs/objects/OID`. Without that folder, the
repository has no LFS. Compared with the services (https://github.com/git-lfs/git-lfs/tree/main/docs/api): links do not
expire, lead to the same host, and ask for the same password; `ref`, `transfers` and `hash_algo` are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

MEDIA_TYPE = "application/vnd.git-lfs+json"
#: The LFS server of a repository is at this path below the repository's own.
PLACE = "/info/lfs/objects/"


def object_file(repository: Path, oid: str) -> Path:
    """The file with the content of an object."""
    return repository / "lfs" / "objects" / oid


def answer(root: Path, host: str, path: str, body: bytes) -> tuple[HTTPStatus, str, bytes]:
    """The status, the content type and the body of the response to a request for `path`."""
    place, _, wanted = path.partition(PLACE)
    repository = root / place.strip("/")
    if wanted == "batch" and object_file(repository, "").is_dir():
        asked: Mapping[str, Any] = json.loads(body)
        objects = [_described(repository, f"https://{host}{place}{PLACE}", one) for one in asked["objects"]]
        return HTTPStatus.OK, MEDIA_TYPE, json.dumps({"transfer": "basic", "objects": objects}).encode()
    found = object_file(repository, wanted)
    if wanted.isalnum() and found.is_file():
        return HTTPStatus.OK, "application/octet-stream", found.read_bytes()
    return HTTPStatus.NOT_FOUND, MEDIA_TYPE, json.dumps({"message": "Not found"}).encode()


def _described(repository: Path, place: str, asked: Mapping[str, Any]) -> dict[str, object]:
    """An object with the link for its download, or the error that stands in its place."""
    described = {"oid": asked["oid"], "size": asked["size"]}
    if not object_file(repository, str(asked["oid"])).is_file():
        return {**described, "error": {"code": 404, "message": "Object does not exist"}}
    return {**described, "actions": {"download": {"href": f"{place}{asked['oid']}"}}}
