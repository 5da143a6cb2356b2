"""The models and throttled links of measured downloads.

The sizes and rates make the link the bottleneck, not this machine. Therefore a transfer takes nearly the same time on
a busy machine as on an idle one.
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
    """A model, the throttled link that it passes (None: no throttling), and the files that must arrive.

    name       also the name of the file that keeps its samples.
    make       returns relative path -> content, below the folder that the call fetches.
    compared   whether the reference client also fetches it.
    unpacked   the files that must arrive, if they differ from those in the store.
    """

    name: str
    make: Callable[[], Mapping[str, bytes]]
    link: ThrottledLink | None = None
    compared: bool = False
    unpacked: Callable[[], Mapping[str, bytes]] | None = None

    def expected(self) -> dict[str, bytes]:
        """Return relative path -> sha256 of the files that must arrive."""
        tree = (self.unpacked or self.make)()
        return {path: hashlib.sha256(content).digest() for path, content in tree.items()}


def _content(size: int, seed: int) -> bytes:
    """Return `size` bytes for `seed`, the same in every run. Content longer than one block repeats the first block."""
    fresh = noise(min(size, _BLOCK), seed)
    return (fresh * (size // len(fresh) + 1))[:size]


def _files(count: int, size: int) -> Callable[[], Mapping[str, bytes]]:
    if count == 1:
        return lambda: {"model.bin": _content(size, 1)}
    return lambda: {f"part-{n // 100}/{n:04}.bin": _content(size, n) for n in range(count)}


#: 1 KiB: shows the cost of a call that transfers almost nothing.
TINY = Workload("tiny", _files(1, 1024), compared=True)
LARGE = Workload("large", _files(1, 12 * MIB), ThrottledLink(8_000_000), compared=True)
SHARDS = Workload("shards", _files(8, 1 * MIB), ThrottledLink(1_500_000), compared=True)
SMALL = Workload("small", _files(24, 4096), ThrottledLink(20_000_000, delay_s=0.15), compared=True)
MANY = Workload("many", _files(500, 4096))
#: The largest model that an emulator with in-memory objects handles well.
HUGE = Workload("huge", _files(1, 192 * MIB), compared=True)
ARCHIVE = Workload("archive", lambda: {"model.tar": tar(_files(1, 48 * MIB)())}, unpacked=_files(1, 48 * MIB))
