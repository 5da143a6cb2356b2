"""A stand-in for HDFS behind WebHDFS v1: the read requests of the `hdfs` Python package.

See https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html. It is name node and data node in
one. The first segment of a path is the case. A restricted case needs a bearer token at the name node, which passes it
to the data node as a delegation token. Compared with Hadoop 3.4.1: same responses to the same reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_json, main

NAME_NODE = "namenode.hdfs.example"
DATA_NODE = "datanode.hdfs.example"
PREFIX = ("webhdfs", "v1")
BLOCK = 128 * 2**20
CLASSES = {
    "AccessControlException": "org.apache.hadoop.security.AccessControlException",
    "AuthenticationException": "org.apache.hadoop.security.authentication.client.AuthenticationException",
    "FileNotFoundException": "java.io.FileNotFoundException",
    "IllegalArgumentException": "java.lang.IllegalArgumentException",
}


class WebHdfs(StandIn):
    """The read operations of WebHDFS. OPEN redirects to the data node, as HDFS does."""

    name = "webhdfs"
    hosts = (NAME_NODE, DATA_NODE)


def answer(asked: Asked, state: Path) -> Reply:
    """Respond as the name node or the data node."""
    if asked.segments[:2] != PREFIX or len(asked.segments) == 2:
        return Reply(HTTPStatus.NOT_FOUND)
    segments = [segment for segment in asked.segments[2:] if segment]
    place = "/" + "/".join(segments)
    partition = Partition(state, segments[0] if segments else "")
    admitted = partition.admit(asked.query.get("delegation") if asked.host == DATA_NODE else asked.token)
    if admitted is HTTPStatus.UNAUTHORIZED:
        return _exception(admitted, "AuthenticationException", "Authentication required")
    if admitted is HTTPStatus.FORBIDDEN:
        text = f'Permission denied: user=stranger, access=EXECUTE, inode="/{partition.case}":models:models:drwx------'
        return _exception(admitted, "AccessControlException", text)
    if asked.query.get("op", "").upper() == "GETHOMEDIRECTORY":
        return answer_json({"Path": "/user/models"})
    found = partition.find(segments[1:])
    if found is None:
        return _exception(HTTPStatus.NOT_FOUND, "FileNotFoundException", f"File does not exist: {place}")
    return _operate(asked, found, place)


def _operate(asked: Asked, found: Path, place: str) -> Reply:
    match asked.query.get("op", "").upper():
        case "GETFILESTATUS":
            return answer_json({"FileStatus": _status(found, "")})
        case "LISTSTATUS":
            listed = [_status(found, "")] if found.is_file() else [_status(one, one.name) for one in _children(found)]
            return answer_json({"FileStatuses": {"FileStatus": listed}})
        case "GETCONTENTSUMMARY":
            return answer_json({"ContentSummary": _summary(found)})
        case "OPEN":
            return _open(asked, found, place)
        case operation:
            text = f'Invalid value for webhdfs parameter "op": No enum constant {operation}'
            return _exception(HTTPStatus.BAD_REQUEST, "IllegalArgumentException", text)


def _open(asked: Asked, found: Path, place: str) -> Reply:
    if asked.host != DATA_NODE:
        token = {"delegation": asked.token} if asked.token else {}
        query = urlencode({**asked.query, "namenoderpcaddress": f"{NAME_NODE}:8020", **token})
        return Reply(HTTPStatus.TEMPORARY_REDIRECT, {"Location": f"https://{DATA_NODE}{asked.path}?{query}"})
    if found.is_dir():
        return _exception(HTTPStatus.NOT_FOUND, "FileNotFoundException", f"Path is not a file: {place}")
    length = int(asked.query["length"]) if "length" in asked.query else None
    start = int(asked.query.get("offset", 0))
    return Reply(HTTPStatus.OK, {"Content-Type": "application/octet-stream"}, found, start, length)


def _children(folder: Path) -> Sequence[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else ()


def _status(path: Path, name: str) -> dict[str, Any]:
    """A FileStatus: times in ms, lengths in bytes."""
    stat = path.stat()
    changed = int(stat.st_mtime * 1000)
    common = {
        "pathSuffix": name,
        "accessTime": changed,
        "modificationTime": changed,
        "fileId": stat.st_ino,
        "owner": "models",
        "group": "models",
        "storagePolicy": 0,
        "childrenNum": len(_children(path)),
    }
    if path.is_dir():
        kind = {"type": "DIRECTORY", "length": 0, "blockSize": 0, "replication": 0, "permission": "755"}
    else:
        kind = {"type": "FILE", "length": stat.st_size, "blockSize": BLOCK, "replication": 1, "permission": "644"}
    return common | kind


def _summary(path: Path) -> dict[str, int]:
    below = [path, *path.rglob("*")]
    files = [each for each in below if each.is_file()]
    length = sum(file.stat().st_size for file in files)
    counts = {"directoryCount": len(below) - len(files), "fileCount": len(files), "length": length}
    return {**counts, "spaceConsumed": length, "quota": -1, "spaceQuota": -1}


def _exception(status: HTTPStatus, name: str, message: str) -> Reply:
    return answer_json(
        {"RemoteException": {"exception": name, "javaClassName": CLASSES[name], "message": message}}, status
    )


if __name__ == "__main__":
    main(answer, __doc__)
