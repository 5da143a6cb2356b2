"""A lock between processes of one machine that many may share, or one may have alone; the kernel frees it at death."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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


def _release(file: IO[str]) -> None:
    """Explicitly: a child process that inherited the file would keep the lock that closing it leaves."""
    fcntl.flock(file, fcntl.LOCK_UN)
