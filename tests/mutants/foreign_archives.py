"""Mutants that misread archives of other tools."""

from __future__ import annotations

import bz2
import io
import posixpath
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.mutants.registry import mutant, part, wrap


def _renamed(change: Callable[[str], str], reader: str) -> None:
    """Give the members that the reader finds other names."""

    def members(former: Callable[[Path], Iterator[Any]], place: Path) -> Iterator[Any]:
        return (replace(one, name=change(one.name)) for one in former(place))

    wrap(part("archives"), reader, members)


@mutant("ARCH-010")
def backslashes_kept() -> None:
    """Takes backslashes for letters of a name."""
    part("archives").DOS = -1


@mutant("ARCH-011")
def folders_are_files() -> None:
    """Makes a file of every member, of folders too."""

    def add(former: Callable[..., None], self: Any, member: Any) -> None:  # noqa: ANN401
        if member.kind == "folder" and member.name != ".":
            member = replace(member, kind="file", content=io.BytesIO)
        former(self, member)

    wrap(part("archives").Unpacking, "add", add)


@mutant("ARCH-012")
def top_folder_dropped() -> None:
    """Leaves out the folder that all members are in."""

    def members(former: Callable[[Path], Iterator[Any]], place: Path) -> Iterator[Any]:
        tops = {one.name.partition("/")[0] for one in former(place)}
        for one in former(place):
            yield replace(one, name=one.name.partition("/")[2] or ".") if len(tops) == 1 else one

    for reader in ("tar_members", "zip_members"):
        wrap(part("archives"), reader, members)


@mutant("ARCH-013", cases=("m.tar.bz2",))
def only_decompressed() -> None:
    """Delivers the tar within a .tar.bz2, under the name of the archive."""

    def unpack(former: Callable[..., None], file: Any, place: Path, staging: Any) -> None:  # noqa: ANN401
        if not file.path.endswith(".bz2"):
            former(file, place, staging)
            return
        staging.create(file.path).write_bytes(bz2.decompress(place.read_bytes()))
        place.unlink()

    wrap(part("archives"), "unpack", unpack)


@mutant("ARCH-014", cases=("m.tgz", "m.zip"))
def misnamed_archive_renamed() -> None:
    """Delivers an archive that it cannot read under another name."""
    failure = part("failure").Failure

    def unpack(former: Callable[..., None], file: Any, place: Path, staging: Any) -> None:  # noqa: ANN401
        try:
            former(file, place, staging)
        except failure:
            shutil.move(place, staging.create(f"{file.path}.tar"))

    wrap(part("archives"), "unpack", unpack)


@mutant("ARCH-015")
def encrypted_members_empty() -> None:
    """Makes an empty file of a member that is encrypted."""
    archives = part("archives")

    def members(place: Path) -> Iterator[Any]:
        with zipfile.ZipFile(place) as archive:
            yield from (archives.Member(name, "file", 0, io.BytesIO) for name in archive.namelist())

    archives.zip_members = members


@mutant("ARCH-016")
def encrypted_is_corrupt() -> None:
    """Calls an encrypted archive corrupt."""
    part("archives").ENCRYPTED = 0


@mutant("ARCH-017", cases=("zstd", "deflate64"))
def unknown_method_is_empty() -> None:
    """Makes an empty file of a member that it cannot decompress."""
    failure = part("failure").Failure

    def write(former: Callable[..., None], self: Any, path: str, member: object) -> None:  # noqa: ANN401
        try:
            former(self, path, member)
        except failure:
            self.staging.create(path, replace=True)

    wrap(part("archives").Unpacking, "write", write)


@mutant("ARCH-018")
def links_are_empty() -> None:
    """Makes a file of every member, of links too."""

    def add(former: Callable[..., None], self: Any, member: Any) -> None:  # noqa: ANN401
        former(self, replace(member, kind="file", content=io.BytesIO) if member.kind == "link" else member)

    wrap(part("archives").Unpacking, "add", add)


@mutant("ARCH-019", cases=("gnu-long-names", "pax-long-names"))
def long_names_cut() -> None:
    """Reads as much of a name as the header of a member has."""
    _renamed(lambda name: name[:100], "tar_members")


@mutant("ARCH-019", cases=("gzip-in-pieces",))
def first_piece_of_gzip() -> None:
    """Ends with the first member of a gzip stream."""

    def members(former: Callable[[Path], Iterator[Any]], place: Path) -> Iterator[Any]:
        place.write_bytes(zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(place.read_bytes()))
        return former(place)

    wrap(part("archives"), "tar_members", members)


@mutant("ARCH-019", cases=("zip-streamed",))
def sizes_before_the_content() -> None:
    """Takes the sizes of a zip's member from the header before its content."""

    def members(former: Callable[[Path], Iterator[Any]], place: Path) -> Iterator[Any]:
        with zipfile.ZipFile(place) as archive:
            streamed = {one.filename for one in archive.infolist() if one.flag_bits & 0x8}
        for one in former(place):
            yield replace(one, size=0, content=io.BytesIO) if one.name in streamed else one

    wrap(part("archives"), "zip_members", members)


@mutant("ARCH-020", cases=("tar-twice", "zip-twice"))
def first_version_stays() -> None:
    """Keeps the first of two members of the same name."""

    def write(former: Callable[..., None], self: Any, path: str, member: object) -> None:  # noqa: ANN401
        if not (self.staging.tree / path).exists():
            former(self, path, member)

    wrap(part("archives").Unpacking, "write", write)


@mutant("ARCH-020", cases=("sparse",))
def holes_left_out() -> None:
    """Reads the content of a sparse member without its holes."""

    def members(former: Callable[[Path], Iterator[Any]], place: Path) -> Iterator[Any]:
        for one in former(place):
            filled = one.content().read().lstrip(b"\0") if one.name == "s.bin" else b""
            yield replace(one, size=len(filled), content=lambda: io.BytesIO(filled)) if filled else one  # noqa: B023

    wrap(part("archives"), "tar_members", members)


@mutant("ARCH-021")
def names_in_utf8() -> None:
    """Takes all names in a zip for UTF-8."""
    _renamed(lambda name: name.encode("cp437").decode(errors="replace"), "zip_members")


@mutant("ARCH-022")
def folders_closed() -> None:
    """Makes folders that nobody else may enter."""
    part("placing").FOLDER_MODE = 0o700


@mutant("ARCH-023")
def hidden_members_refused() -> None:
    """Refuses an archive with a hidden file."""

    def add(former: Callable[..., None], self: Any, member: Any) -> None:  # noqa: ANN401
        if posixpath.basename(member.name).startswith("._"):
            raise part("archives").corrupt(self.name)
        former(self, member)

    wrap(part("archives").Unpacking, "add", add)


@mutant("ARCH-024")
def unknown_layers_skipped() -> None:
    """Leaves out layers of a type that it does not know."""

    def manifest(former: Callable[..., dict[str, Any]], self: object, reference: str) -> dict[str, Any]:
        found = former(self, reference)
        return {**found, "layers": [one for one in found.get("layers", []) if "zstd" not in one["mediaType"]]}

    wrap(part("schemes.oci").Registry, "manifest", manifest)


@mutant("ARCH-025")
def image_without_a_model() -> None:
    """Delivers of an image what is below `models/`, and be it nothing."""
    part("placing").Staging.is_empty = lambda _self: False


@mutant("ARCH-026")
def archives_within_unpacked() -> None:
    """Unpacks archives wherever they are in an archive."""

    def write(former: Callable[..., None], self: Any, path: str, member: object) -> None:  # noqa: ANN401
        former(self, path, member)
        place = self.staging.tree / path
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                archive.extractall(place.parent)
            place.unlink()

    wrap(part("archives").Unpacking, "write", write)
