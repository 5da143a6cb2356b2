"""Mutants that take something else than the file's bytes for the file, or something else than the URI for the URI."""

from __future__ import annotations

import glob
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from tests.mutants.registry import mutant, part, wrap


def _read_as(change: Callable[[str], str]) -> None:
    """Take the URI for another one."""
    wrap(part("program"), "deliver", lambda former, uri, *given: former(change(uri), *given))


@mutant("WEB-001", "WEB-002", "WEB-004", stores=("http", "gcs"))
def coding_ignored() -> None:
    """Accepts gzip and deflate, and writes the body as it comes."""
    part("codings").of = lambda _headers: ""
    accepted = {"Accept-Encoding": "gzip, deflate"}
    wrap(
        part("web").Web,
        "send",
        lambda former, self, url, headers, body: former(self, url, {**headers, **accepted}, body),
    )


@mutant("WEB-003")
def compression_by_name() -> None:
    """Refuses an archive whose name ends in `gz` and whose content is not compressed."""
    archives = part("archives")

    def read(former: Callable[..., Iterator[object]], name: str, place: Path) -> Iterator[object]:
        if name.endswith("gz") and not place.read_bytes().startswith(b"\x1f\x8b"):
            raise archives.corrupt(name)
        return former(name, place)

    wrap(archives, "read", read)


@mutant("WEB-005")
def length_wanted() -> None:
    """Refuses a body without a length."""
    failure = part("failure").Failure

    def size(former: Callable[..., int | None], self: Any) -> int | None:  # noqa: ANN401
        found = former(self)
        if found is None:
            raise failure(self.uri, "the server does not tell its length", "")
        return found

    wrap(part("schemes.http").Download, "size", size)


@mutant("WEB-006", cases=("*chunk*",))
def end_of_connection_is_end_of_file() -> None:
    """Takes a body that breaks off for one that ends."""
    transient = part("failure").Transient

    def chunks(former: Callable[..., Iterator[bytes]], *given: object) -> Iterator[bytes]:
        try:
            yield from former(*given)
        except transient:
            return

    wrap(part("web").Web, "chunks", chunks)


@mutant("WEB-007", "WEB-008")
def ranges_not_compared() -> None:
    """Takes any body for the range that it asked for."""
    part("web").first_byte = lambda _answer, asked, _resource: asked


@mutant("WEB-008")
def any_success() -> None:
    """Takes the body of any response of status 2xx for the file."""
    part("web").CONTENT = tuple(range(200, 300))


@mutant("WEB-009")
def repository_by_host() -> None:
    """Takes a URI with `.git` anywhere for a repository."""
    table = part("schemes").TABLE
    others = {pattern: name for pattern, name in table.items() if name != "git"}
    table.clear()
    table.update({r"https?://.+\.git": "git"} | others)


@mutant("PLACE-040", "PLACE-043", stores=("s3", "local"), cases=("hash", "question"))
def cut_at_its_fragment() -> None:
    """Takes what follows `#` or `?` in a URI for no part of the path."""
    _read_as(lambda uri: re.split("[#?]", uri)[0])


@mutant("PLACE-040", "PLACE-043", stores=("s3",), cases=("percent", "plus"))
def form_decoded() -> None:
    """Takes the path of a URI for a field of a form."""
    _read_as(unquote_plus)


@mutant("PLACE-040", "PLACE-043", stores=("local",), cases=("star", "brackets"))
def shell_pattern() -> None:
    """Takes a path for a pattern, and the last path that matches for the model."""
    _read_as(lambda uri: max(glob.glob(uri), default=uri))  # noqa: PTH207 -- an absolute pattern


@mutant("PLACE-040", stores=("s3",), cases=("space", "decomposed"))
def tidied() -> None:
    """Removes spaces at the ends of a URI and composes its letters."""
    _read_as(lambda uri: unicodedata.normalize("NFC", uri).strip())


@mutant("PLACE-041", stores=("s3",))
def slashes_merged() -> None:
    """Makes one slash of two in a path."""
    _read_as(lambda uri: re.sub(r"(?<!:)//+", "/", uri))


@mutant("PLACE-042")
def revision_without_slashes() -> None:
    """Takes the default revision for one with slashes."""

    def parse(former: Callable[[str], tuple[str, str, str]], uri: str) -> tuple[str, str, str]:
        owner, model, revision = former(uri)
        return owner, model, "main" if "/" in revision else revision

    wrap(part("schemes.hf"), "parse", parse)


@mutant("PLACE-044")
def error_pages_delivered() -> None:
    """Takes a blob endpoint of a national cloud for a web server, and an error page for the file."""
    table = part("schemes").TABLE
    del table[next(pattern for pattern in table if "usgovcloudapi" in pattern)]
    part("web").CONTENT = tuple(range(200, 600))


@mutant("GIT-001", "GIT-002")
def pointers_delivered() -> None:
    """Takes a Git LFS pointer for the file."""
    part("lfs").pointer = lambda _content: None


@mutant("GIT-002", cases=("other-content",))
def object_not_verified() -> None:
    """Takes what the LFS server sends for the object, if it has its size."""
    wrap(
        part("lfs"),
        "files",
        lambda former, *given: (replace(file, sha256=None) for file in list(former(*given))),
    )


@mutant("GIT-004")
def lfs_without_password() -> None:
    """Asks the LFS server without credentials."""
    wrap(part("lfs"), "files", lambda former, site, *given: former(replace(site, headers={}), *given))


@mutant("GIT-003")
def lfs_server_of_the_repository() -> None:
    """Sends the password to the LFS server that the repository names."""
    named: list[str] = []

    def entries(former: Callable[..., Iterator[Any]], repository: Any, head: bytes) -> Iterator[Any]:  # noqa: ANN401
        for entry in former(repository, head):
            if entry.path == b".lfsconfig":
                named.append(repository[entry.sha].data.decode().partition("url = ")[2].strip())
            yield entry

    def files(former: Callable[..., Iterator[Any]], site: Any, address: str, pointers: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return former(site, named[0].removesuffix("/info/lfs") if named else address, pointers)

    wrap(part("schemes.git"), "entries", entries)
    wrap(part("lfs"), "files", files)
