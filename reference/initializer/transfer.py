"""Moving bytes: pieces of files side by side, each tried again from where it broke off, in constant memory."""

from __future__ import annotations

import hashlib
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from initializer.failure import Failure, Transient
from initializer.limits import Limits
from initializer.remote import RemoteFile

#: Bytes of a piece, at least and at most: a large file has 32 pieces, a very large one more.
SMALLEST, LARGEST, PIECES = 4 << 20, 64 << 20, 32
#: Bytes of one write.
CHUNK = 1 << 18
#: Seconds from the first trouble on within which a request is tried again, and the longest pause.
RETRY_FOR_S = 60.0
LONGEST_PAUSE_S = 8.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """Bytes `start` to `stop` (None: the end) of a file, and where they go."""

    file: RemoteFile
    place: Path
    start: int
    stop: int | None


def fetch(files: Iterable[tuple[RemoteFile, Path]], limits: Limits) -> None:
    """Bring each file to its place, which exists and is empty. Raises the first Failure, or OSError."""
    pairs = list(files)
    side_by_side(fetch_piece, [piece for file, place in pairs for piece in pieces(file, place)], limits)
    for file, place in pairs:
        check(file, place)


def pieces(file: RemoteFile, place: Path) -> Iterator[Piece]:
    """The file in pieces; whole where it is small, or cannot be read in pieces."""
    if file.size == 0:
        return
    if file.size is None or not file.parts:
        yield Piece(file, place, 0, file.size)
        return
    size = min(LARGEST, max(SMALLEST, file.size // PIECES))
    for start in range(0, file.size, size):
        yield Piece(file, place, start, min(file.size, start + size))


def fetch_piece(piece: Piece, limits: Limits) -> None:
    """Bring one piece to its place; after a break it goes on where it was."""
    position = piece.start
    with piece.place.open("r+b", buffering=0) as target:

        def proceed() -> None:
            nonlocal position
            for chunk in piece.file.read(position, piece.stop):
                if piece.stop is not None and position + len(chunk) > piece.stop:
                    raise Failure(piece.file.path, "the store sent more than it announced", "Try again.")
                write(target.fileno(), chunk, position)
                position += len(chunk)
            if piece.stop is not None and position < piece.stop:
                raise Transient(piece.file.path, f"the connection ended at byte {position} of {piece.stop}")

        retrying(proceed, limits)


def write(descriptor: int, chunk: bytes, position: int) -> None:
    """All of the chunk, at this position of the file."""
    view = memoryview(chunk)
    while view:
        written = os.pwrite(descriptor, view, position)
        view, position = view[written:], position + written


def check(file: RemoteFile, place: Path) -> None:
    """Raises Failure unless the file at its place has the size and the hash that the store told."""
    size = place.stat().st_size
    if file.size is not None and size != file.size:
        raise Failure(file.path, f"{size} bytes arrived instead of {file.size}", "Try again.")
    if file.sha256 is not None:
        with place.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                raise Failure(file.path, "the content does not match its checksum", "Upload it again.")


def retrying(action: Callable[[], Result], limits: Limits) -> Result:
    """The action's result. Raises Failure when it has failed for the last time."""
    attempt, began = 1, 0.0
    while True:
        try:
            return action()
        except Transient as trouble:
            began = began or time.monotonic()
            wait = delay(attempt, trouble.retry_after_s)
            if attempt >= limits.attempts or time.monotonic() - began + wait > RETRY_FOR_S:
                raise Failure(trouble.resource, f"{trouble.cause} ({attempt} attempts)", trouble.remedy) from trouble
            say(f"{trouble.resource}: {trouble.cause}; next attempt in {wait:.1f} s")
            pause(wait)
            attempt += 1


def delay(attempt: int, asked_s: float | None) -> float:
    """Seconds to wait after this attempt: what the server asked for, else twice as long each time."""
    if asked_s is not None:
        return asked_s
    return min(LONGEST_PAUSE_S, 0.5 * 2.0 ** (attempt - 1)) * random.uniform(0.75, 1.0)  # noqa: S311 -- no secret


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def side_by_side(work: Callable[[Piece, Limits], None], todo: list[Piece], limits: Limits) -> None:
    """Do the work on as many connections as are allowed. Raises the first exception, without waiting for the rest.

    The threads are daemons: one that waits for a silent server holds up neither a failure nor the end.
    """
    waiting: queue.SimpleQueue[Piece] = queue.SimpleQueue()
    done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    over = threading.Event()
    for piece in todo:
        waiting.put(piece)

    def run() -> None:
        while not over.is_set():
            try:
                work(waiting.get_nowait(), limits)
            except queue.Empty:
                return
            except BaseException as error:
                done.put(error)
                return
            done.put(None)

    for _ in range(min(limits.connections, len(todo))):
        threading.Thread(target=run, daemon=True).start()
    for _ in todo:
        error = done.get()
        if error is not None:
            over.set()
            raise error
