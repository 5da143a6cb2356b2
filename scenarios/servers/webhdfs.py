"""A stand-in for HDFS behind WebHDFS v1: the reads of the `hdfs` Python package, of fsspec, and of plain HTTP clients.

See https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html. It is name node and data node in
one, and answers GETFILESTATUS, LISTSTATUS, LISTSTATUS_BATCH, GETCONTENTSUMMARY, GETHOMEDIRECTORY and OPEN. The first
segment of a path is the case. Its successful reads match Hadoop 3.4.1. The refusals of offsets, lengths, paths and data
node URLs, `noredirect` and LISTSTATUS_BATCH follow the documentation; nobody has compared them with a cluster.

A restricted case needs a bearer token at the name node, as behind a gateway such as Knox. The name node passes it to
the data node as a delegation token. The data node serves only the URLs that the name node gave out.

HDFS also does the following; the stand-in does not, and that hides no defect:

- Kerberos (SPNEGO): the suite has no key distribution center. Requests for it end in 401.
- `user.name`, permissions of single files: a case is open or restricted as a whole. `user.name` is no credential, as in
  a cluster with security.
- Delegation tokens at the name node, checksums, snapshots, links: a download with the Secret's settings needs none.
- Several data nodes, and blocks of a file on more than one: OPEN redirects once for each request, as in HDFS.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scenarios.network.view import MUTUAL
from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_json, main

NAME_NODE = "namenode.hdfs.example"
DATA_NODE = "datanode.hdfs.example"
#: How the names of nodes below MUTUAL begin. The gateway demands a client certificate for them.
MUTUAL_NAME, MUTUAL_DATA = "name-", "data-"
PREFIX = ("webhdfs", "v1")
BLOCK = 128 * 2**20
#: Entries in a batch of a listing (dfs.ls.limit).
BATCH = 1000
#: The address of the name node in the URL of a data node.
RPC_ADDRESS = f"{NAME_NODE}:8020"
CLASSES = {
    "AccessControlException": "org.apache.hadoop.security.AccessControlException",
    "AuthenticationException": "org.apache.hadoop.security.authentication.client.AuthenticationException",
    "FileNotFoundException": "java.io.FileNotFoundException",
    "IllegalArgumentException": "java.lang.IllegalArgumentException",
    "InvalidPathException": "org.apache.hadoop.fs.InvalidPathException",
    "IOException": "java.io.IOException",
}


class WebHdfs(StandIn):
    """The read operations of WebHDFS. OPEN redirects to the data node, as HDFS does."""

    name = "webhdfs"
    hosts = (NAME_NODE, DATA_NODE, f"*.{MUTUAL}")


class Refused(Exception):
    """An error response."""

    def __init__(self, status: HTTPStatus, name: str, message: str) -> None:
        super().__init__(message)
        self.reply = _exception(status, name, message)


def answer(asked: Asked, state: Path) -> Reply:
    """Respond as the name node or the data node."""
    if asked.segments[:2] != PREFIX or len(asked.segments) == 2:
        return Reply(HTTPStatus.NOT_FOUND)
    try:
        return _answer(asked, [segment for segment in asked.segments[2:] if segment], state)
    except Refused as refused:
        return refused.reply


def _answer(asked: Asked, segments: Sequence[str], state: Path) -> Reply:
    place = "/" + "/".join(segments)
    if asked.method not in {"GET", "HEAD"}:
        raise Refused(HTTPStatus.BAD_REQUEST, "IllegalArgumentException", f"Invalid operation for {asked.method}")
    if any(segment in {".", ".."} or ":" in segment for segment in segments):
        raise Refused(HTTPStatus.BAD_REQUEST, "InvalidPathException", f"Invalid path name Invalid file name: {place}")
    partition = Partition(state, segments[0] if segments else "")
    _check_token(asked, partition)
    operation = asked.query.get("op", "").upper()
    if operation == "GETHOMEDIRECTORY":
        return answer_json({"Path": "/user/models"})
    found = partition.find(segments[1:])
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "FileNotFoundException", f"File does not exist: {place}")
    if operation == "OPEN":
        return _open(asked, found, place)
    return answer_json(_operate(operation, asked, found))


def _check_token(asked: Asked, partition: Partition) -> None:
    admitted = partition.admit(asked.query.get("delegation") if _is_data_node(asked.host) else asked.token)
    if admitted is HTTPStatus.UNAUTHORIZED:
        raise Refused(admitted, "AuthenticationException", "Authentication required")
    if admitted is HTTPStatus.FORBIDDEN:
        text = f'Permission denied: user=stranger, access=EXECUTE, inode="/{partition.case}":models:models:drwx------'
        raise Refused(admitted, "AccessControlException", text)


def _operate(operation: str, asked: Asked, found: Path) -> dict[str, Any]:
    match operation:
        case "GETFILESTATUS":
            return {"FileStatus": _status(found, "")}
        case "LISTSTATUS":
            return {"FileStatuses": {"FileStatus": _listed(found)}}
        case "LISTSTATUS_BATCH":
            after = asked.query.get("startAfter", "")
            left = [one for one in _listed(found) if one["pathSuffix"] > after or not after]
            page = {"FileStatuses": {"FileStatus": left[:BATCH]}}
            return {"DirectoryListing": {"partialListing": page, "remainingEntries": max(0, len(left) - BATCH)}}
        case "GETCONTENTSUMMARY":
            return {"ContentSummary": _summary(found)}
    text = f'Invalid value for webhdfs parameter "op": No enum constant {operation}'
    raise Refused(HTTPStatus.BAD_REQUEST, "IllegalArgumentException", text)


def _open(asked: Asked, found: Path, place: str) -> Reply:
    """The name node's redirect, or the data node's bytes."""
    if found.is_dir():
        raise Refused(HTTPStatus.NOT_FOUND, "FileNotFoundException", f"Path is not a file: {place}")
    size = found.stat().st_size
    start, length = _number(asked, "offset", 0), _number(asked, "length", size)
    if length < 0:
        text = f"Invalid parameter range: length = {length} < 0"
        raise Refused(HTTPStatus.BAD_REQUEST, "IllegalArgumentException", text)
    if start >= size > 0 or start < 0:
        text = f"Offset={start} out of the range [0, {size}); OPEN, path={place}"
        raise Refused(HTTPStatus.FORBIDDEN, "IOException", text)
    if not _is_data_node(asked.host):
        return _redirect(asked)
    if asked.query.get("namenoderpcaddress") != RPC_ADDRESS:
        text = "namenoderpcaddress is not specified."
        raise Refused(HTTPStatus.BAD_REQUEST, "IllegalArgumentException", text)
    return Reply(HTTPStatus.OK, {"Content-Type": "application/octet-stream"}, found, start, min(length, size - start))


def _is_data_node(host: str) -> bool:
    return host == DATA_NODE or host.startswith(MUTUAL_DATA)


def _redirect(asked: Asked) -> Reply:
    token = {"delegation": asked.token} if asked.token else {}
    kept = {name: value for name, value in asked.query.items() if name != "noredirect"}
    node = DATA_NODE if asked.host == NAME_NODE else asked.host.replace(MUTUAL_NAME, MUTUAL_DATA, 1)
    target = f"https://{node}{asked.path}?{urlencode({**kept, 'namenoderpcaddress': RPC_ADDRESS, **token})}"
    if asked.query.get("noredirect", "").lower() == "true":
        return answer_json({"Location": target})
    return Reply(HTTPStatus.TEMPORARY_REDIRECT, {"Location": target})


def _number(asked: Asked, name: str, usual: int) -> int:
    text = asked.query.get(name, "null")
    try:
        return usual if text == "null" else int(text)
    except ValueError:
        why = f'Invalid value for webhdfs parameter "{name}": Failed to parse "{text}" as a radix-10 long integer.'
        raise Refused(HTTPStatus.BAD_REQUEST, "IllegalArgumentException", why) from None


def _listed(found: Path) -> list[dict[str, Any]]:
    return [_status(found, "")] if found.is_file() else [_status(one, one.name) for one in _children(found)]


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
