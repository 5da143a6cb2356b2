"""Zip files as tools of other systems write them. Python's own module writes only some of these."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

from scenarios.content import zstd
from scenarios.content.models import MODEL, noise, zipped

#: Bits of a member's flags: its content is encrypted, and its name is UTF-8.
ENCRYPTED, UTF8 = 0x1, 0x800
STORED, DEFLATED, DEFLATE64, ZSTD, AES = 0, 8, 9, 93, 99
#: Names are in this code page unless their member is marked as UTF-8 (APPNOTE.TXT, appendix D).
CODE_PAGE = "cp437"
#: The date of all members, 2026-01-01, as DOS counts.
_DATE = (2026 - 1980) << 9 | 1 << 5 | 1
_DOS, _UNIX = 0, 3
PASSWORD = b"nobody knows it"


@dataclass(frozen=True)
class Part:
    """One member. packed: its bytes in the file, if they are not `content` itself. mode: as of Unix; 0 for DOS."""

    name: bytes
    content: bytes
    packed: bytes | None = None
    method: int = STORED
    flags: int = 0
    extra: bytes = b""
    mode: int = stat.S_IFREG | 0o644


def assembled(parts: Iterable[Part]) -> bytes:
    """A zip file of exactly these members."""
    body: list[bytes] = []
    central: list[bytes] = []
    start = 0
    for part in parts:
        packed = part.content if part.packed is None else part.packed
        sizes = zlib.crc32(part.content), len(packed), len(part.content), len(part.name), len(part.extra)
        common = struct.pack("<HHHHHIIIHH", 20, part.flags, part.method, 0, _DATE, *sizes)
        made_by = struct.pack("<BB", 20, _UNIX if part.mode else _DOS)
        rest = struct.pack("<HHHII", 0, 0, 0, part.mode << 16, start)
        central.append(b"".join([b"PK\1\2", made_by, common, rest, part.name, part.extra]))
        body.append(b"".join([b"PK\3\4", common, part.name, part.extra, packed]))
        start += len(body[-1])
    number, length = len(central), sum(map(len, central))
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, number, number, length, start, 0)
    return b"".join([*body, *central, end])


def of_windows(tree: Mapping[str, bytes]) -> bytes:
    """Backslashes separate folders, as .NET's ZipFile wrote them before 4.6.1, and many tools still do."""
    return assembled(Part(name.replace("/", "\\").encode(), content, mode=0) for name, content in tree.items())


def with_folders(tree: Mapping[str, bytes]) -> bytes:
    """Each folder is a member before its files (`zip -r`)."""
    folders = sorted({f"{name.rpartition('/')[0]}/" for name in tree if "/" in name})
    above = [Part(name.encode(), b"", mode=stat.S_IFDIR | 0o755) for name in folders]
    return assembled([*above, *(Part(name.encode(), content) for name, content in tree.items())])


def with_links(tree: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    """Symbolic links come after the files (`zip -ry`)."""
    last = [Part(name.encode(), target.encode(), mode=stat.S_IFLNK | 0o777) for name, target in links.items()]
    return assembled([*(Part(name.encode(), content) for name, content in tree.items()), *last])


def streamed(tree: Mapping[str, bytes]) -> bytes:
    """Sizes follow the content, in 64 bits (`zip -r - model | upload`)."""
    buffer = io.BytesIO()
    pipe = SimpleNamespace(write=buffer.write, flush=buffer.flush)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tree.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    return buffer.getvalue()


def of_64_bits(tree: Mapping[str, bytes]) -> bytes:
    """The directory's place and length are in the records of ZIP64, as if the file had more than 4 GiB."""
    plain = zipped(tree)
    number, length, start = struct.unpack("<HII", plain[-12:-2])
    at = len(plain) - 22
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, number, number, length, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return plain[:at] + record + locator + end


def self_extracting(tree: Mapping[str, bytes]) -> bytes:
    """A program comes first. Offsets count from the zip's own beginning (`cat unzipsfx model.zip`)."""
    return b"#!/bin/sh\nexit 1\n" + zipped(tree)


def twice(tree: Mapping[str, bytes]) -> bytes:
    """Each member is there in an old version and in the one of `tree`."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name in tree:
            archive.writestr(name, b"old")
        for name, content in tree.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def compressed(tree: Mapping[str, bytes], method: int) -> bytes:
    """By one of the methods that Python can write, or by DEFLATE64 or ZSTD."""
    if method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in tree.items():
                archive.writestr(name, content)
        return buffer.getvalue()
    pack = zstd.frame if method == ZSTD else _stored_blocks
    return assembled(Part(name.encode(), content, pack(content), method) for name, content in tree.items())


def _stored_blocks(content: bytes) -> bytes:
    """The two variants of deflate write content that they do not compress in the same way."""
    packer = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def encrypted(tree: Mapping[str, bytes]) -> bytes:
    """With the cipher of PKZIP, which all tools read."""
    parts = ((name.encode(), content, _ciphered(content)) for name, content in tree.items())
    return assembled(Part(name, content, packed, flags=ENCRYPTED) for name, content, packed in parts)


def encrypted_by_aes(tree: Mapping[str, bytes]) -> bytes:
    """As WinZip and 7-Zip do it. Salt, ciphertext and authentication code are noise: nobody has the password."""
    extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, STORED)
    return assembled(
        Part(name.encode(), content, noise(len(content) + 28), AES, ENCRYPTED, extra) for name, content in tree.items()
    )


def _ciphered(content: bytes) -> bytes:
    """PKZIP's traditional encryption (APPNOTE.TXT, 6.1) of a header of 12 bytes and the content."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = _crc(byte, keys[0])
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = _crc(keys[1] >> 24, keys[2])

    for byte in PASSWORD:
        update(byte)
    packed = bytearray()
    for byte in noise(11) + bytes([zlib.crc32(content) >> 24]) + content:
        mixed = keys[2] & 0xFFFF | 2
        packed.append(byte ^ (mixed * (mixed ^ 1) >> 8 & 0xFF))
        update(byte)
    return bytes(packed)


def _crc(byte: int, before: int) -> int:
    """One step of CRC-32 without its inversions."""
    return zlib.crc32(bytes([byte]), before ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def in_code_page(tree: Mapping[str, bytes]) -> bytes:
    """Names are in the code page of DOS."""
    return assembled(Part(name.encode(CODE_PAGE), content, mode=0) for name, content in tree.items())


def in_utf8(tree: Mapping[str, bytes]) -> bytes:
    """Names are marked as UTF-8."""
    return assembled(Part(name.encode(), content, flags=UTF8, mode=0) for name, content in tree.items())


def of_mac() -> bytes:
    """As the Finder compresses MODEL: properties of each file are in a folder of their own."""
    properties = {f"__MACOSX/{_beside(name)}": b"\0\5\x16\7\0\2\0\0Mac OS X" for name in MODEL}
    return with_folders({**MODEL, **properties})


def _beside(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}._{file}"
