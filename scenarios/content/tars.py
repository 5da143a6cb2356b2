"""Archives by tar and gzip as other tools write them: folders, long names, sparse files and links."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence

from scenarios.content import zstd
from scenarios.content.models import MODEL, noise, tar, tar_of

Members = Sequence[tuple[tarfile.TarInfo, bytes]]

#: A name that fits neither the 100 bytes of a plain header nor the 155 of its prefix.
LONG = f"weights/{'n' * 120}/{'m' * 120}.bin"
#: The suffix of a compression -> its program.
PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.frame,
}


def file(name: str, content: bytes, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A file as a member. `fields` replace those of its header."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    return member, content


def folder(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    """A folder as a member."""
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, mode
    return member, b""


def with_folders(tree: Mapping[str, bytes], *, top: str = "./", mode: int = 0o755) -> bytes:
    """Each folder is a member before its files, and so is `top` (`tar -C model -cf m.tar .`)."""
    folders = sorted({f"{name.rpartition('/')[0]}/" for name in tree if "/" in name})
    members = [folder(f"{top}{name}", mode) for name in ("", *folders)]
    return _packed([*members, *(file(f"{top}{name}", content) for name, content in tree.items())])


def written(tree: Mapping[str, bytes], kind: int, **headers: str) -> bytes:
    """An archive in the format `kind` of tarfile, with global pax headers."""
    return _written([file(*one) for one in tree.items()], kind, headers)


def _packed(members: Members) -> bytes:
    return tar_of(list(members), mode="w:gz")


def _written(members: Members, kind: int, headers: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=kind, pax_headers=headers) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def of_git(tree: Mapping[str, bytes]) -> bytes:
    """As `git archive`: the commit is in a global header."""
    return written(tree, tarfile.PAX_FORMAT, comment="0123456789abcdef" * 2)


def in_pieces(tree: Mapping[str, bytes], size: int = 1000) -> bytes:
    """Gzip members of `size` bytes, as bgzip and other parallel tools write them. Members of the tar cross them."""
    content = tar(tree)
    return b"".join(gzip.compress(content[start : start + size]) for start in range(0, len(content), size))


def sparse(name: str, hole: int, content: bytes) -> bytes:
    """MODEL, and a file with a hole before its content (GNU's format 1.0, `tar --sparse --format=pax`)."""
    places = f"1\n{hole}\n{len(content)}\n".encode().ljust(tarfile.BLOCKSIZE, b"\0")
    size = str(hole + len(content))
    headers = {"major": "1", "minor": "0", "name": name, "realsize": size}
    member = file(
        f"GNUSparseFile.0/{name}",
        places + content,
        pax_headers={f"GNU.sparse.{field}": value for field, value in headers.items()},
    )
    return _written([*(file(*one) for one in MODEL.items()), member], tarfile.PAX_FORMAT, {})


def twice(tree: Mapping[str, bytes]) -> bytes:
    """Each member is there in an old version and in the one of `tree` (`tar --append`)."""
    return _packed([*(file(name, b"old") for name in tree), *(file(*one) for one in tree.items())])


def with_links(*links: tarfile.TarInfo) -> bytes:
    """MODEL, and links after it."""
    return _packed([*(file(*one) for one in MODEL.items()), *((one, b"") for one in links)])


def of_mac() -> bytes:
    """As macOS writes it: a member with properties is before each member of MODEL."""
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    for name, content in MODEL.items():
        above, slash, last = name.rpartition("/")
        members += [file(f"./{above}{slash}._{last}", b"\0\5\x16\7\0\2\0\0Mac OS X"), file(f"./{name}", content)]
    return _packed(members)


def of_large_file(name: str, mebibytes: int) -> tuple[bytes, bytes]:
    """A .tar.gz of one file that is 60 times its size, and the SHA-256 of that file. One MiB is packed and repeated."""
    part = noise(16 << 10).ljust(1 << 20, b"\0")
    member = tarfile.TarInfo(name)
    member.size = mebibytes << 20
    pieces = [(member.tobuf(), 1), (part, mebibytes), (bytes(2 * tarfile.BLOCKSIZE), 1)]
    packed, checksum, length, digest = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff"], 0, 0, hashlib.sha256()
    for piece, times in pieces:
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed.append((packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)) * times)
        for _ in range(times):
            checksum, length = zlib.crc32(piece, checksum), length + len(piece)
    for _ in range(mebibytes):
        digest.update(part)
    end = b"\x03\0" + struct.pack("<II", checksum, length & 0xFFFFFFFF)
    return b"".join([*packed, end]), digest.digest()
