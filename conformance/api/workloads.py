"""What is downloaded while it is measured, and over which line.

Sizes and speeds are chosen so that the line, not this machine, is what a client waits for: on a busy machine the time
of a transfer is nearly that of an idle one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scenarios.content.models import noise, tar
from scenarios.network.throttled_link import ThrottledLink

MIB = 1 << 20
_BLOCK = 1 * MIB


@dataclass(frozen=True)
class Workload:
    """A model, the line that it comes over (None: nothing between), and what arrives where it is no plain copy.

    name       also the file that keeps its samples.
    make       relative path -> content, below the folder that is fetched.
    compared   whether the reference client fetches it too.
    unpacked   what has to arrive instead.
    """

    name: str
    make: Callable[[], Mapping[str, bytes]]
    line: ThrottledLink | None = None
    compared: bool = False
    unpacked: Callable[[], Mapping[str, bytes]] | None = None

    def expected(self) -> dict[str, bytes]:
        """Relative path -> sha256 of what has to arrive."""
        tree = (self.unpacked or self.make)()
        return {path: hashlib.sha256(content).digest() for path, content in tree.items()}


def _content(size: int, seed: int) -> bytes:
    """`size` bytes, the same in every run; of more than one block only the seed's first bytes are fresh."""
    fresh = noise(min(size, _BLOCK), seed)
    return (fresh * (size // len(fresh) + 1))[:size]


def _files(count: int, size: int) -> Callable[[], Mapping[str, bytes]]:
    if count == 1:
        return lambda: {"model.bin": _content(size, 1)}
    return lambda: {f"part-{n // 100}/{n:04}.bin": _content(size, n) for n in range(count)}


#: 1 KiB: what is left of a call when there is next to nothing to transfer.
TINY = Workload("tiny", _files(1, 1024), compared=True)
LARGE = Workload("large", _files(1, 12 * MIB), ThrottledLink(8_000_000), compared=True)
SHARDS = Workload("shards", _files(8, 1 * MIB), ThrottledLink(1_500_000), compared=True)
SMALL = Workload("small", _files(24, 4096), ThrottledLink(20_000_000, delay_s=0.15), compared=True)
MANY = Workload("many", _files(500, 4096))
#: As much as an emulator that keeps its objects in memory carries well.
HUGE = Workload("huge", _files(1, 192 * MIB), compared=True)
ARCHIVE = Workload("archive", lambda: {"model.tar": tar(_files(1, 48 * MIB)())}, unpacked=_files(1, 48 * MIB))
