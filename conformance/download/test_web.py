"""HTTP bodies: codings, lengths, ranges, and statuses. Whatever the server sends, only the file's own bytes arrive."""

import gzip
from typing import Literal

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from scenarios.content.models import MODEL, archive, noise
from scenarios.network.faults import breaking
from scenarios.stores.gcs import GCS
from scenarios.stores.http import GIT_LIKE_HOST, HOST, HTTP

WEIGHTS = b"".join(b"weight %d\n" % n for n in range(2000))
MODEL_FILE = {"weights.bin": WEIGHTS}
_OK = "HTTP/1.1 200 OK\nContent-Type: application/octet-stream"


def _brotli(content: bytes) -> bytes:
    """One meta-block that is not compressed, and an empty last one (RFC 7932, section 9). Up to 64 KiB."""
    return ((len(content) - 1) << 4 | 1 << 20).to_bytes(3, "little") + content + b"\x03"


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


#: case -> (content coding, WEIGHTS in that coding).
CODED = {
    "gzip": ("gzip", gzip.compress(WEIGHTS)),
    "br": ("br", _brotli(WEIGHTS)),
    "unknown": ("x-suite", bytes(byte ^ 0xFF for byte in WEIGHTS)),
}
#: case -> (head, body) of a response without a length.
WITHOUT_LENGTH = {
    "chunked": (f"{_OK}\nTransfer-Encoding: chunked", _chunk(WEIGHTS[:5000]) + _chunk(WEIGHTS[5000:]) + _chunk(b"")),
    "closed": ("HTTP/1.0 200 OK\nContent-Type: application/octet-stream", WEIGHTS),
}
#: case -> (head, body) of a response that ends too early.
TOO_SHORT = {
    "chunked": (f"{_OK}\nTransfer-Encoding: chunked", _chunk(WEIGHTS[:5000])),
    "within-chunk": (f"{_OK}\nTransfer-Encoding: chunked", _chunk(WEIGHTS)[:5000]),
    "length": (f"{_OK}\nContent-Length: {len(WEIGHTS) + 1000}", WEIGHTS),
}
_PART = f"Content-Type: application/octet-stream\r\nContent-Range: bytes 0-99/{len(WEIGHTS)}".encode()
_PARTS = b"--of-parts\r\n%b\r\n\r\n%b\r\n--of-parts--\r\n" % (_PART, WEIGHTS[:100])
#: case -> (head, body) of a response of status 2xx that is not the file.
NOT_THE_FILE = {
    "partial": (f"HTTP/1.1 206 Partial Content\nContent-Length: 100\n{_PART.decode()}", WEIGHTS[:100]),
    "multipart": (
        f"HTTP/1.1 206 Partial Content\nContent-Length: {len(_PARTS)}\n"
        "Content-Type: multipart/byteranges; boundary=of-parts",
        _PARTS,
    ),
    "accepted": ("HTTP/1.1 202 Accepted\nContent-Type: text/plain\nContent-Length: 10", b"preparing\n"),
    "no-content": ("HTTP/1.1 204 No Content", b""),
}


@rule("WEB-001")
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_body_is_decoded(store: HTTP, initializer: Fetcher, coding: Literal["gzip", "deflate"]) -> None:
    """A web server compresses on the way for clients whose `Accept-Encoding` has the coding."""
    uri = store.send("model/weights.bin", WEIGHTS, compressed=coding)
    assert initializer.fetch(uri).tree == MODEL_FILE


@rule("WEB-002")
@pytest.mark.parametrize("case", CODED)
def test_an_encoded_body_is_not_the_file(store: HTTP, initializer: Fetcher, case: str) -> None:
    """An object store sends the coding that the object was uploaded with, whatever the client accepts."""
    coding, content = CODED[case]
    uri = store.send("model/weights.bin", content, headers={"Content-Encoding": coding})
    initializer.fetch(uri).assert_failed_or(MODEL_FILE)


@rule("WEB-003")
@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_an_encoded_archive_is_unpacked(store: HTTP, initializer: Fetcher, coding: str) -> None:
    """Apache's mod_mime reads `.tar.gz` as two suffixes: a tar archive in the coding gzip."""
    headers = {"Content-Encoding": coding, "Content-Type": "application/x-tar"}
    uri = store.send("model/m.tar.gz", archive("tar.gz", MODEL), headers=headers)
    assert initializer.fetch(uri, way="archive").tree == MODEL


@rule("WEB-004")
def test_a_compressed_object_is_decoded(store: GCS, initializer: Fetcher) -> None:
    """`gsutil cp -Z` uploads such objects. Size and checksum in their metadata are those of the stored bytes."""
    store.put_compressed("model/weights.bin", WEIGHTS)
    initializer.fetch(store.uri("model")).assert_failed_or(MODEL_FILE)


@rule("WEB-005")
@pytest.mark.parametrize("case", WITHOUT_LENGTH)
def test_a_body_without_a_length(store: HTTP, initializer: Fetcher, case: str) -> None:
    """Servers that make a body while they send it do not know its length. HTTP/1.0 has no chunks."""
    assert initializer.fetch(store.send_exactly("model/weights.bin", *WITHOUT_LENGTH[case])).tree == MODEL_FILE


@rule("WEB-006")
@pytest.mark.parametrize("case", TOO_SHORT)
def test_a_body_that_ends_early(store: HTTP, initializer: Fetcher, case: str) -> None:
    """The server process was killed. The end of the connection is the only sign."""
    uri = store.send_exactly("model/weights.bin", *TOO_SHORT[case])
    initializer.fetch(uri, timeout_s=150).assert_failed()


@rule("WEB-007")
def test_a_server_without_ranges(store: HTTP, initializer: Fetcher) -> None:
    """A client that resumes at byte N gets the file from its first byte, with status 200."""
    weights = noise(1 << 20)
    uri = store.send("model/weights.bin", weights, rangeless=True)
    store.gateway.plan_faults(store.case, breaking("reset", times=1))
    initializer.fetch(uri, timeout_s=100).assert_failed_or({"weights.bin": weights})


@rule("WEB-008")
@pytest.mark.parametrize("case", NOT_THE_FILE)
def test_a_response_that_is_not_the_file(store: HTTP, initializer: Fetcher, case: str) -> None:
    """Caches return parts, archives are still being prepared, and login pages end without content."""
    uri = store.send_exactly("model/weights.bin", *NOT_THE_FILE[case])
    initializer.fetch(uri, timeout_s=150).assert_failed_or(MODEL_FILE)


@rule("WEB-009")
@pytest.mark.parametrize("case", ["host", "host-archive", "folder", "query"])
def test_git_in_a_web_address(store: HTTP, initializer: Fetcher, case: str) -> None:
    """raw.githubusercontent.com and USER.github.io serve files."""
    folder = "my.github" if case == "folder" else "m"
    store.put({f"{folder}/weights.bin": WEIGHTS, f"{folder}/m.tar.gz": archive("tar.gz", MODEL)})
    name = "m.tar.gz" if case == "host-archive" else "weights.bin"
    host = GIT_LIKE_HOST if case.startswith("host") else HOST
    uri = store.url(f"{folder}/{name}", host=host) + ("?ref=model.git" if case == "query" else "")
    run = initializer.fetch(uri, way="archive" if case == "host-archive" else "plain")
    assert run.tree == (MODEL if case == "host-archive" else MODEL_FILE)
    repository = [request.path for request in store.requests() if "info/refs" in request.path]
    assert not repository, f"the initializer asked for a repository: {repository[0]}"
