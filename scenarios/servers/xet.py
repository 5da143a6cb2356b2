"""A stand-in for Xet, the storage behind large files of the Hugging Face Hub: the requests of hf_xet 1.2 to 1.8.

A client gets a token and the address of the *CAS* from the Hub. The CAS describes a file as ranges of chunks of
*xorbs*, and refers to the block store for these. Here each file is one xorb with chunks of 64 KiB, not compressed. The
token names the case, as the service's own token names the repository.

The service also does the following; the stand-in does not: it cuts files at boundaries that depend on the content,
compresses chunks, shares xorbs between files, and derives a file's hash from its chunks by BLAKE3. No client of these
versions computes the hash of the bytes that it receives. The stand-in has no batches of files, and no uploads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scenarios.servers.standin import Asked, Partition, Reply, answer_json

CAS = "cas-server.xethub.hf.co"
BLOCKS = "transfer.xethub.hf.co"
#: A host of the same service that the gateway does not serve: a proxy refuses to lead to it.
FORBIDDEN = "forbidden.xethub.hf.co"
CHUNK = 1 << 16
#: Bytes before each chunk: version, compressed length (3), compression scheme, length (3).
HEADER = 8
TOKEN = "xet-read-"  # noqa: S105 -- the begin of each token
RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def token_of(case: str) -> str:
    """The token that the Hub hands out for the repositories of a case."""
    return f"{TOKEN}{case}"


def hash_of(sha256: str) -> str:
    """The Xet hash of the file with this SHA-256."""
    return hashlib.sha256(f"xet {sha256}".encode()).hexdigest()


def answer(asked: Asked, state: Path) -> Reply:
    """Respond as the CAS or the block store does."""
    # Clients before hf_xet 1.3 name no version.
    segments = ("v1", *asked.segments) if asked.segments[0] == "reconstructions" else asked.segments
    match segments:
        case (("v1" | "v2") as version, "reconstructions", name) if asked.host == CAS:
            token = asked.token or ""
            if not token.startswith(TOKEN):
                return Reply(HTTPStatus.UNAUTHORIZED)
            partition = Partition(state, token.removeprefix(TOKEN))
            file = _found(partition, name)
            return _reconstruction(asked, partition, file, version) if file else Reply(HTTPStatus.NOT_FOUND)
        case ("xorbs", "default", name) if asked.host == BLOCKS:
            file = _found(Partition(state, asked.query.get("Signature", "")), name)
            return _block(asked, file.path) if file else Reply(HTTPStatus.FORBIDDEN)
    return Reply(HTTPStatus.NOT_FOUND)


@dataclass(frozen=True)
class _File:
    """A file of a repository, by its Xet hash."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def length(self, chunk: int) -> int:
        """The bytes of a chunk; fewer for the last one."""
        return min(CHUNK, self.size - chunk * CHUNK)


def _found(partition: Partition, name: str) -> _File | None:
    """The file of the case that has this Xet hash."""
    for repository, facts in partition.facts().get("repositories", {}).items():
        for commit, files in facts["commits"].items():
            for path, file in files.items():
                if "lfs" in file and hash_of(file["lfs"]) == name:
                    found = partition.find([repository, commit, *path.split("/")])
                    return _File(name, found) if found else None
    return None


def _reconstruction(asked: Asked, partition: Partition, file: _File, version: str) -> Reply:
    """The chunks that hold the requested range of the file, and the address at which the block store has them."""
    wanted = RANGE.fullmatch(asked.headers.get("range", ""))
    start, stop = (int(wanted[1]), min(int(wanted[2]) + 1, file.size)) if wanted else (0, file.size)
    if start >= stop:
        return Reply(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    first, last = start // CHUNK, (stop - 1) // CHUNK
    chunks = {"start": first, "end": last + 1}
    place = {"start": first * (CHUNK + HEADER), "end": last * (CHUNK + HEADER) + HEADER + file.length(last) - 1}
    host = partition.facts()["xet"]["blocks"]
    signed = {"X-Xet-Signed-Range": f"bytes={place['start']}-{place['end']}", "Signature": partition.case}
    url = f"https://{host}/xorbs/default/{file.name}?{urlencode(signed)}"
    term = {"hash": file.name, "unpacked_length": sum(map(file.length, range(first, last + 1))), "range": chunks}
    fetching: Mapping[str, Any] = (
        {"fetch_info": {file.name: [{"range": chunks, "url": url, "url_range": place}]}}
        if version == "v1"
        else {"xorbs": {file.name: [{"url": url, "ranges": [{"chunks": chunks, "bytes": place}]}]}}
    )
    return answer_json({"offset_into_first_range": start % CHUNK, "terms": [term], **fetching})


def _block(asked: Asked, path: Path) -> Reply:
    """The signed range of a xorb, and no other."""
    wanted = asked.headers.get("range", "")
    match = RANGE.fullmatch(wanted)
    if match is None or wanted != asked.query.get("X-Xet-Signed-Range"):
        return Reply(HTTPStatus.FORBIDDEN)
    xorb = b"".join(_packed(path.read_bytes()))
    start, stop = int(match[1]), int(match[2]) + 1
    headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(xorb)}", "Content-Type": "application/octet-stream"}
    return Reply(HTTPStatus.PARTIAL_CONTENT, headers, xorb[start:stop])


def _packed(content: bytes) -> Iterator[bytes]:
    """The chunks of a xorb, each behind its header."""
    for start in range(0, len(content), CHUNK):
        chunk = content[start : start + CHUNK]
        length = len(chunk).to_bytes(3, "little")
        yield b"\0" + length + b"\0" + length + chunk
