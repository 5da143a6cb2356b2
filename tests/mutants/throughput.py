"""Mutants that waste time, memory, disk, bytes or requests."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.mutants.registry import mutant, part, wrap


def _each(change: Callable[[Any], Any]) -> None:
    """Change how the initializer reads every file of a model."""
    wrap(part("remote"), "chosen", lambda former, *given: [change(file) for file in former(*given)])


@mutant("PERF-002", "PERF-004", stores=("s3",))
def one_connection_only() -> None:
    """Fetches one file after the other."""
    wrap(part("limits"), "of", lambda former, *given: replace(former(*given), connections=1))


@mutant("PERF-001", stores=("s3",))
def dawdles() -> None:
    """Takes a nap after every chunk."""

    def write(former: Callable[..., None], *given: object) -> None:
        former(*given)
        time.sleep(0.5)

    wrap(part("transfer"), "write", write)


@mutant("PERF-006", "PERF-007", stores=("s3",))
def reads_everything_twice() -> None:
    """Fetches every file once more, to be sure."""

    def twice(former: Callable[..., None], files: Iterable[object], limits: object) -> None:
        pairs = list(files)
        former(pairs, limits)
        former(pairs, limits)

    wrap(part("transfer"), "fetch", twice)


@mutant("PERF-008", stores=("s3",))
def tiny_pieces() -> None:
    """Fetches a file in pieces of 256 KiB."""

    def pieces(_former: object, file: Any, place: Path, *_given: object) -> Iterator[Any]:  # noqa: ANN401
        step = 1 << 18
        for start in range(0, file.size, step):
            yield part("transfer").Piece(file, place, start, min(file.size, start + step))

    wrap(part("transfer"), "pieces", pieces)


@mutant("PERF-009", stores=("s3",))
def looks_every_file_up() -> None:
    """Asks twice for a file's first byte before it fetches it."""

    def looked_up(file: Any) -> Any:  # noqa: ANN401
        def read(start: int, stop: int | None) -> Iterator[bytes]:
            for _ in range(2):
                list(file.read(0, 1))
            return file.read(start, stop)  # type: ignore[no-any-return]

        return replace(file, read=read)

    _each(looked_up)


@mutant("PERF-003", stores=("s3",))
def looks_up_one_by_one() -> None:
    """Fetches one file after the other, and asks twice for the first byte of each."""
    one_connection_only()
    looks_every_file_up()


@mutant("PERF-010", "PERF-011", "PERF-012", stores=("s3",))
def whole_model_in_memory() -> None:
    """Holds a file in memory, and copies it as often as it looks at it."""

    def held(file: Any) -> Any:  # noqa: ANN401
        def read(start: int, stop: int | None) -> Iterator[bytes]:
            content = b"".join(file.read(start, stop))
            copies = [bytearray(content) for _ in range(6)]
            yield bytes(copies[0])

        return replace(file, read=read, parts=False)

    _each(held)


@mutant("PERF-013", stores=("s3",))
def copied_on_disk() -> None:
    """Keeps what it has fetched beside the model until the end."""

    def fetch(former: Callable[..., None], files: Iterable[tuple[object, Path]], limits: object) -> None:
        pairs = list(files)
        former(pairs, limits)
        for number, (_, place) in enumerate(pairs):
            shutil.copyfile(place, f"/tmp/copy-{number}")  # noqa: S108 - the initializer's own

    wrap(part("transfer"), "fetch", fetch)


@mutant("PERF-014", stores=("s3",))
def archive_copied_on_disk() -> None:
    """Copies an archive twice before it unpacks it."""

    def unpack(former: Callable[..., None], file: object, place: Path, staging: object) -> None:
        for number in range(2):
            shutil.copyfile(place, f"/tmp/copy-{number}")  # noqa: S108 - the initializer's own
        former(file, place, staging)

    wrap(part("archives"), "unpack", unpack)


@mutant("PERF-015", stores=("s3",))
def hashes_again_and_again() -> None:
    """Computes a checksum of every chunk twenty times."""

    def write(former: Callable[..., None], descriptor: int, chunk: bytes, position: int) -> None:
        for _ in range(20):
            hashlib.sha512(chunk).digest()
        former(descriptor, chunk, position)

    wrap(part("transfer"), "write", write)


@mutant("PERF-016", stores=("s3",))
def slow_to_start() -> None:
    """Waits for a service that is not there before it begins."""

    def main(former: Callable[..., int], given: list[str]) -> int:
        time.sleep(11)
        return former(given)

    wrap(part("program"), "main", main)
