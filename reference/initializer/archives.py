"""Archives: a model that is one archive is unpacked, and so are the layers of an image. Nothing in them is trusted."""

from __future__ import annotations

import lzma
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from initializer import placing, transfer
from initializer.failure import Failure
from initializer.remote import RemoteFile

SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip")
#: An archive may unpack to this many bytes, or to this many times its size, whichever is more (bombs: X06).
SMALL, RATIO = 256 << 20, 100
MEMBERS = 1_000_000
#: Where an image keeps its model, and how its layers delete.
MODELS = "models/"
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError,
    NotImplementedError,
)  # fmt: skip
#: What a zip says of its maker, and of a member's content.
DOS, ENCRYPTED = 0, 0x1


@dataclass(frozen=True)
class Member:
    """One member. content: opens a file; target: of a link, from the root of the archive."""

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int = 0
    content: Callable[[], IO[bytes] | None] = lambda: None
    target: str = ""


def is_archive(name: str) -> bool:
    """By its name: what a server says of its type is often wrong."""
    return name.lower().endswith(SUFFIXES)


def packed(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The files that are to be unpacked: a single archive, or layers."""
    return [one for one in files if one.form == "layer" or (len(files) == 1 and is_archive(one.path))]


def unpack(file: RemoteFile, place: Path, staging: placing.Staging) -> None:
    """Unpack the archive at `place` into the tree, and remove it. Raises Failure; OSError when the disk is full."""
    unpacking = Unpacking(file.path, staging, max(SMALL, RATIO * place.stat().st_size), is_layer=file.form == "layer")
    for member in read(file.path, place):
        unpacking.add(member)
    unpacking.link()
    place.unlink()


def read(name: str, place: Path) -> Iterator[Member]:
    """The members of an archive. Raises Failure for one that cannot be read."""
    members = zip_members(place) if name.lower().endswith(".zip") else tar_members(place)
    try:
        yield from members
    except BROKEN as error:
        raise corrupt(name) from error


def tar_members(place: Path) -> Iterator[Member]:
    """Of a tar archive, compressed or not."""
    with tarfile.open(place) as archive:
        for one in archive:
            name = posixpath.normpath(one.name) if not one.name.startswith("/") else one.name
            if one.isfile():
                yield Member(name, "file", one.size, lambda one=one: archive.extractfile(one))  # type: ignore[misc]
            elif one.islnk() or one.issym():
                above = "" if one.islnk() else posixpath.dirname(name)
                yield Member(name, "link", target=posixpath.normpath(posixpath.join(above, one.linkname)))
            else:
                yield Member(name, "folder" if one.isdir() else "other")


def zip_members(place: Path) -> Iterator[Member]:
    """Of a zip archive; a link's content is its target."""
    with zipfile.ZipFile(place) as archive:
        for one in archive.infolist():
            if one.flag_bits & ENCRYPTED:
                raise Failure(ascii(one.filename), "invalid archive: it is encrypted", "Pack it without a password.")
            name = one.filename.replace("\\", "/") if one.create_system == DOS else one.filename
            is_folder = name.endswith("/")
            name = name if name.startswith("/") else posixpath.normpath(name)
            if stat.S_ISLNK(one.external_attr >> 16):
                link = archive.open(one).read(4096).decode(errors="replace")
                yield Member(name, "link", target=posixpath.normpath(posixpath.join(posixpath.dirname(name), link)))
            elif is_folder:
                yield Member(name, "folder")
            else:
                yield Member(name, "file", one.file_size, lambda one=one: archive.open(one))  # type: ignore[misc]


class Unpacking:
    """Members on their way into the tree. allowed: bytes that may still be written."""

    def __init__(self, name: str, staging: placing.Staging, allowed: int, *, is_layer: bool) -> None:
        self.name = name
        self.staging = staging
        self.allowed = allowed
        self.members = 0
        self.is_layer = is_layer
        self.links: list[tuple[str, str]] = []

    def add(self, member: Member) -> None:
        """Put one member into its place; links wait until everything is there."""
        self.members += 1
        if self.members > MEMBERS:
            raise bomb(self.name)
        path = self.place(member.name)
        if path is None:
            return
        if self.is_layer and posixpath.basename(path).startswith(WHITEOUT):
            self.delete(path)
        elif member.kind == "folder":
            self.staging.make_folder(path)
        elif member.kind == "link":
            self.links.append((placing.contained(path), member.target))
        elif member.kind == "file":
            self.write(path, member)
        else:
            raise Failure(ascii(member.name), "invalid archive: a device or pipe is no part of a model", "Pack files.")

    def place(self, name: str) -> str | None:
        """Where a member belongs in the tree; None for what is no part of the model."""
        if not self.is_layer:
            return None if name == "." else name
        return name.removeprefix("/").removeprefix(MODELS) if name.removeprefix("/").startswith(MODELS) else None

    def write(self, path: str, member: Member) -> None:
        """One file, no longer than the archive says and the limit allows."""
        content = self.opened(member)
        target = self.staging.create(path, replace=True)
        with content, target.open("wb") as copy:
            written = 0
            while chunk := self.chunk(content):
                written += len(chunk)
                self.allowed -= len(chunk)
                if self.allowed < 0:
                    raise bomb(self.name)
                copy.write(chunk)
        if written != member.size:
            raise corrupt(self.name)

    def opened(self, member: Member) -> IO[bytes]:
        """The content of a member. Raises Failure for a compression that nobody here knows."""
        try:
            content = member.content()
        except BROKEN as error:
            raise corrupt(self.name) from error
        assert content is not None
        return content

    def chunk(self, content: IO[bytes]) -> bytes:
        """The next bytes of a member; an error here is the archive's, not the disk's."""
        try:
            return content.read(transfer.CHUNK)
        except BROKEN as error:
            raise corrupt(self.name) from error

    def delete(self, path: str) -> None:
        """What a whiteout of a layer says."""
        parent, name = posixpath.split(path)
        if name == OPAQUE and parent:
            self.staging.remove(parent)
        elif name != OPAQUE:
            self.staging.remove(posixpath.join(parent, name.removeprefix(WHITEOUT)))

    def link(self) -> None:
        """Every link becomes a copy of the file that it leads to, within the archive."""
        pending = self.links
        while pending:
            left = [(path, target) for path, target in pending if not self.copy(path, target)]
            if len(left) == len(pending):
                raise Failure(
                    ascii(left[0][0]), "invalid archive: a link leads out of it, or to no file", "Pack files."
                )
            pending = left

    def copy(self, path: str, target: str) -> bool:
        """Whether the target is there, and was copied."""
        inside = self.place(target)
        if inside is None:
            return False
        source = self.staging.tree / placing.contained(inside)
        if not source.is_file():
            return False
        self.allowed -= source.stat().st_size
        if self.allowed < 0:
            raise bomb(self.name)
        shutil.copyfile(source, self.staging.create(path, replace=True))
        return True


def corrupt(name: str) -> Failure:
    """It cannot be read to its end."""
    return Failure(
        name, "the archive cannot be unpacked: it is corrupt, or not in the format of its name", "Pack it again."
    )


def bomb(name: str) -> Failure:
    """It would fill the disk."""
    return Failure(name, "the archive is refused: it unpacks to far more than its size", "Upload the files unpacked.")
