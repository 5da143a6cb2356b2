"""Zstandard frames without a compressor, because Python has none before 3.14: raw blocks, and runs of one byte."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MAGIC = 0xFD2FB528
#: A block holds at most this many bytes.
_BLOCK = 128 << 10
_RAW, _RUN = 0, 1
#: Flags of a frame: its size has eight bytes, and its window is as large as its content.
_EIGHT_BYTES, _SINGLE_SEGMENT = 0b11 << 6, 1 << 5


def frame(content: bytes) -> bytes:
    """One frame with its content's size (RFC 8878, 3.1.1). A block of equal bytes takes four bytes."""
    header = struct.pack("<IBQ", _MAGIC, _EIGHT_BYTES | _SINGLE_SEGMENT, len(content))
    return header + b"".join(_blocks(content))


def _blocks(content: bytes) -> Iterator[bytes]:
    for start in range(0, max(len(content), 1), _BLOCK):
        block = content[start : start + _BLOCK]
        is_last = start + _BLOCK >= len(content)
        is_run = len(block) > 1 and block == block[:1] * len(block)
        described = int(is_last) | (_RUN if is_run else _RAW) << 1 | len(block) << 3
        yield described.to_bytes(3, "little") + (block[:1] if is_run else block)
