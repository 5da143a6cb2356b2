"""Archives that the suite writes by hand: the programs that they imitate can read them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest

from scenarios.content import tars, zips, zstd
from scenarios.content.models import MODEL, noise


@pytest.mark.parametrize("content", [b"", b"x", MODEL["config.json"], bytes(300_000) + noise(200_000)])
def test_a_frame_of_zstandard(content: bytes) -> None:
    """The library of Zstandard itself reads raw blocks and runs."""
    zstandard = pytest.importorskip("zstandard", reason="the zstandard package is missing")
    assert zstandard.ZstdDecompressor().decompress(zstd.frame(content)) == content


def test_the_password_opens_an_encrypted_zip() -> None:
    """So its content is the model, and not noise."""
    with zipfile.ZipFile(io.BytesIO(zips.encrypted(MODEL))) as archive:
        archive.setpassword(zips.PASSWORD)
        assert {name: archive.read(name) for name in archive.namelist()} == MODEL


def test_a_large_file_is_whole() -> None:
    """The archive that repeats one packed MiB unpacks to a file with the promised digest."""
    packed, digest = tars.of_large_file("weights.bin", 3)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        content = archive.extractfile("weights.bin")
        assert content
        assert hashlib.sha256(content.read()).digest() == digest
