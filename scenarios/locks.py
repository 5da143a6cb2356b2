"""Locks between processes of one machine; the kernel frees them at death."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

_LOOK_S = 0.02


class SharedLock:
    """Held `shared` by many processes or `alone` by one.

    Everybody passes a turnstile first, and who wants it alone stays in there until the others are out: those who come
    later cannot overtake.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._turnstile = path.with_name(f"{path.name}.turnstile")

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._path.open("a") as lock:
            with self._turnstile.open("a") as turnstile:
                fcntl.flock(turnstile, fcntl.LOCK_EX)
                fcntl.flock(lock, fcntl.LOCK_SH)
            yield
            _release(lock)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._path.open("a") as lock, self._turnstile.open("a") as turnstile:
            fcntl.flock(turnstile, fcntl.LOCK_EX)
            fcntl.flock(lock, fcntl.LOCK_EX)
            _release(turnstile)
            yield
            _release(lock)


@contextmanager
def one_of(path: Path, places: int) -> Iterator[None]:
    """Hold one of so many places, as soon as one is free."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = [stack.enter_context(path.with_name(f"{path.name}-{place}").open("a")) for place in range(places)]
        while not (mine := next(filter(_take, files), None)):
            time.sleep(_LOOK_S)
        yield
        _release(mine)


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(file: IO[str]) -> None:
    """Explicitly: a child process that inherited the file would keep the lock that closing it leaves."""
    fcntl.flock(file, fcntl.LOCK_UN)
