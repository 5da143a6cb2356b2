"""Mutants that write files to the wrong path, or the wrong files to a path."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from tests.mutants.registry import mutant, part, wrap

Entries = Iterable[tuple[str, Any]]


def _renamed(new_path: Callable[[str], str]) -> None:
    """Change the path of every file of a model."""
    wrap(
        part("remote"),
        "chosen",
        lambda former, *given: [replace(file, path=new_path(file.path)) for file in former(*given)],
    )


def _left(keep: Callable[[list[Any]], list[Any]]) -> None:
    """Deliver only the files of a model that `keep` returns."""
    wrap(part("remote"), "chosen", lambda former, *given: keep(former(*given)))


def _arrived(change: Callable[[Path], object]) -> None:
    """Change each file after the check of its content."""

    def check(former: Callable[..., None], file: object, place: Path) -> None:
        former(file, place)
        change(place)

    wrap(part("transfer"), "check", check)


@mutant("PLACE-001")
def flattened() -> None:
    """Puts every file directly into the destination."""
    _renamed(posixpath.basename)


@mutant("PLACE-001", "PLACE-004")
def one_level_too_deep() -> None:
    """Puts the model into a folder of its own below the destination."""
    _renamed(lambda path: f"model/{path}")


@mutant("PLACE-008", "PLACE-015")
def wrong_case() -> None:
    """Writes names in small letters."""
    _renamed(str.lower)


@mutant("PLACE-001")
def one_file_missing() -> None:
    """Leaves out the last file."""
    _left(lambda files: files[:-1])


@mutant("PLACE-001")
def last_byte_cut() -> None:
    """Every file lacks its last byte."""
    _arrived(lambda place: os.truncate(place, max(0, place.stat().st_size - 1)))


@mutant("PLACE-001")
def one_bit_flipped() -> None:
    """One bit in the last byte of every file is another."""

    def flip(place: Path) -> None:
        content = place.read_bytes()
        place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    _arrived(flip)


@mutant("PLACE-013", "PLACE-015", cases=("leading-dot", "safetensors"))
def hidden_files_lost() -> None:
    """Leaves out files whose names begin with a dot."""
    _left(lambda files: [file for file in files if not posixpath.basename(file.path).startswith(".")])


@mutant("PLACE-009", stores=("local", "s3"))
def empty_files_lost() -> None:
    """Takes a file without a byte for no file."""
    _left(lambda files: [file for file in files if file.size])


@mutant("PLACE-011")
def shallow() -> None:
    """Goes four folders deep and no further."""
    _left(lambda files: [file for file in files if file.path.count("/") <= 4])


@mutant("PLACE-012")
def first_page_only() -> None:
    """Takes the first hundred names of a listing for all of them."""
    _left(lambda files: files[:100])


@mutant("PLACE-013", cases=("percent",))
def decoded_once_too_often() -> None:
    """Takes a name from the listing for one that is percent-encoded."""
    _renamed(unquote)


@mutant("PLACE-013", cases=("plus",))
def plus_is_a_space() -> None:
    """Takes a name from the listing for a field of a form."""
    _renamed(unquote_plus)


@mutant("PLACE-013", cases=("space", "hash", "question", "unicode"))
def left_encoded() -> None:
    """Writes names as they stand in a URL."""
    _renamed(quote)


@mutant("PLACE-014")
def first_part_only() -> None:
    """Keeps the first 8 MiB of a file."""
    _arrived(lambda place: os.truncate(place, min(place.stat().st_size, 8 << 20)))


@mutant("PLACE-001")
def left_over_temporary_files() -> None:
    """Copies out of its temporary folder, and leaves that in the destination."""
    staging = part("placing").Staging

    def publish(self: Any) -> None:  # noqa: ANN401
        shutil.copytree(self.tree, self.destination, dirs_exist_ok=True)

    staging.publish = publish
    wrap(staging, "discard", lambda former, self: None if self.tree.exists() else former(self))


@mutant("PLACE-016", stores=("http", "s3"))
def downloaded_twice() -> None:
    """Fetches every file once more, to be sure."""

    def twice(former: Callable[..., None], files: Iterable[object], limits: object) -> None:
        pairs = list(files)
        former(pairs, limits)
        former(pairs, limits)

    wrap(part("transfer"), "fetch", twice)


@mutant("PLACE-017", cases=("query",))
def named_by_its_query() -> None:
    """Takes the file's name from the query."""
    wrap(
        part("schemes.http"),
        "file_name",
        lambda former, uri: urlsplit(uri).query.rpartition("=")[2] or former(uri),
    )


@mutant("PLACE-017", cases=("redirect",))
def named_by_its_redirect() -> None:
    """Takes the file's name from where a redirect leads."""
    web, http = part("web"), part("schemes.http")
    ends: list[str] = []

    def next_hop(former: Callable[..., str], *given: object) -> str:
        ends.append(former(*given))
        return ends[-1]

    wrap(web, "next_hop", next_hop)
    wrap(
        http,
        "files",
        lambda former, *given: (
            replace(file, path=posixpath.basename(ends[-1])) if ends else file for file in list(former(*given))
        ),
    )


@mutant("PLACE-018")
def content_type_decides() -> None:
    """Refuses what a server says is text."""
    failure = part("failure")

    def ask(former: Any, self: Any, url: str, *given: object) -> Any:  # noqa: ANN401
        answer = former(self, url, *given)
        if answer.headers.get("Content-Type", "").startswith(("text/", "application/json")):
            raise failure.Failure(self.resource, "this is no model", "")
        return answer

    wrap(part("web").Web, "ask", ask)


@mutant("PLACE-022", cases=("key",))
def dns_zones_unknown() -> None:
    """Knows Azure by its classic host names alone."""
    table = part("schemes").TABLE
    (pattern,) = [pattern for pattern, name in table.items() if name == "azure_blob" and "storage" in pattern]
    others = {known: name for known, name in table.items() if known != pattern}
    table.clear()
    table.update({pattern.replace("storage\\.azure\\.net", "none"): "azure_blob"} | others)


@mutant("PLACE-023")
def absolute_paths_unknown() -> None:
    """Wants a scheme before an absolute path."""
    table = part("schemes").TABLE
    table["file://"] = table.pop("file://|/")


@mutant("PLACE-024")
def file_name_left_encoded() -> None:
    """Keeps the file's name as the URI encodes it."""
    wrap(part("schemes.http"), "file_name", lambda former, uri: quote(former(uri)))


@mutant("PLACE-025")
def hdfs_unknown() -> None:
    """Knows `webhdfs://` alone."""
    table = part("schemes").TABLE
    table["webhdfs://"] = table.pop("(web)?hdfs://")


@mutant("PLACE-019")
def revision_ignored() -> None:
    """Delivers the default branch, whatever was asked for."""
    wrap(part("schemes.hf"), "parse", lambda former, uri: (*former(uri)[:2], "main"))


@mutant("PLACE-020")
def image_of_another_machine() -> None:
    """Takes the first image of an index that is for another kind of machine."""
    oci = part("schemes.oci")

    def another(former: Callable[..., object], manifests: list[object], uri: str) -> object:
        mine = former(manifests, uri)
        return next(one for one in manifests if one != mine)

    wrap(oci, "for_this_machine", another)


@mutant("PLACE-020")
def index_unknown() -> None:
    """Takes an index for an image without layers."""
    wrap(part("schemes.oci").Registry, "manifest", lambda former, *given: {**former(*given), "manifests": []})


@mutant("PLACE-021", cases=("tar",))
def plain_layers_unknown() -> None:
    """Reads layers that are compressed, and no others."""
    oci = part("schemes.oci")
    oci.LAYER = re.compile(r"gzip$")


@mutant("PLACE-001", "FAULT-018", "SEC-025")
def nothing_delivered() -> None:
    """Finds no file of any model, and calls that a success."""
    _left(lambda _files: [])
