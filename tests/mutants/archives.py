"""Mutants that unpack too much, too little, or outside the destination."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mutants.registry import mutant, part, wrap


@mutant("ARCH-001", stores=("http",))
def not_unpacked() -> None:
    """Delivers archives as they are."""
    part("archives").packed = lambda _files: []


@mutant("ARCH-001", cases=("tar", "zip"))
def archive_kept() -> None:
    """Leaves the archive beside what was in it."""

    def unpack(former: Callable[..., None], file: Any, place: Path, staging: Any) -> None:  # noqa: ANN401
        shutil.copy(place, staging.create(file.path))
        former(file, place, staging)

    wrap(part("archives"), "unpack", unpack)


@mutant("ARCH-001", cases=("tgz",))
def tgz_unknown() -> None:
    """Does not know that a .tgz is an archive."""
    archives = part("archives")
    archives.SUFFIXES = tuple(suffix for suffix in archives.SUFFIXES if suffix != ".tgz")


@mutant("ARCH-002", "ARCH-003")
def every_archive_unpacked() -> None:
    """Unpacks archives wherever they are."""
    archives = part("archives")
    archives.packed = lambda files: [file for file in files if archives.is_archive(file.path)]


@mutant("ARCH-004")
def every_gzip_is_a_tar() -> None:
    """Takes whatever is compressed for an archive."""
    part("archives").SUFFIXES += (".gz",)


@mutant("ARCH-005")
def corrupt_archive_is_good_enough() -> None:
    """Delivers what an archive gave until it broke off."""
    failure = part("failure").Failure

    def unpack(former: Callable[..., None], file: object, place: Path, staging: object) -> None:
        try:
            former(file, place, staging)
        except failure:
            place.unlink()

    wrap(part("archives"), "unpack", unpack)


def _extracted(place: Path, into: Path) -> None:
    with tarfile.open(place) as archive:
        archive.extractall(into, filter="fully_trusted")  # noqa: S202 - this is the defect
    place.unlink()


@mutant("ARCH-006", cases=("tar-parent", "tar-absolute"))
def unsafe_extraction() -> None:
    """Writes members wherever their names lead."""
    part("placing").Staging.is_empty = lambda _self: False
    part("archives").unpack = lambda _file, place, staging: _extracted(place, staging.destination)


@mutant("ARCH-006", "SEC-003", cases=("tar-symlink", "tar-chain"))
def link_out_of_the_tree() -> None:
    """Makes the links of an archive as they are, and writes through them."""
    part("placing").Staging.is_empty = lambda _self: False
    part("archives").unpack = lambda _file, place, staging: _extracted(place, staging.destination)


@mutant("ARCH-006", cases=("tar-hardlink",))
def reads_outside_the_archive() -> None:
    """Follows a link of an archive to a file of the machine."""

    def copy(self: Any, path: str, target: str) -> bool:  # noqa: ANN401
        shutil.copyfile(self.staging.destination / target, self.staging.create(path))
        return True

    part("archives").Unpacking.copy = copy


@mutant("ARCH-007")
def modes_of_the_archive_kept() -> None:
    """Gives members the permissions that they were packed with."""

    def write(former: Callable[..., None], self: Any, path: str, member: object) -> None:  # noqa: ANN401
        former(self, path, member)
        (self.staging.tree / path).chmod(0o200)

    wrap(part("archives").Unpacking, "write", write)


@mutant("ARCH-008", cases=("presigned",))
def query_is_part_of_the_name() -> None:
    """Looks for the suffix of an archive at the end of the whole URI."""

    signed: list[str] = []

    def deliver(former: Callable[..., None], uri: str, *given: object) -> None:
        signed.extend([uri] * ("?" in uri))
        former(uri, *given)

    wrap(part("program"), "deliver", deliver)
    wrap(part("archives"), "packed", lambda former, files: [] if signed else former(files))


@mutant("ARCH-008", cases=("in-query",))
def name_in_the_query_unknown() -> None:
    """Does not look for an archive's name in the query."""
    http = part("schemes.http")
    http.parse_qsl = lambda _query: []


@mutant("ARCH-009")
def archives_by_their_content_type() -> None:
    """Unpacks what the server calls an archive, and nothing else."""
    types: list[str] = []

    def size(former: Callable[..., object], self: Any) -> object:  # noqa: ANN401
        types.append(self.first_headers.get("Content-Type", ""))
        return former(self)

    wrap(part("schemes.http").Download, "size", size)
    wrap(part("archives"), "packed", lambda former, files: [] if "octet-stream" in types[-1] else former(files))
