"""Locks between processes of one machine; the kernel frees them at death."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def of_this_user(name: str) -> Path:
    """A file to lock between all runs of a user on this machine. It is no part of the cache, which may be read-only."""
    return Path(tempfile.gettempdir(), f"kserve-conformance-locks-{os.getuid()}", name)


class Slot:
    """One of `places` places, held from the moment that one is free until `release`."""

    def __init__(self, path: Path, places: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turnstile = path.with_name(f"{path.name}.turnstile")
        self._files = [path.with_name(f"{path.name}-{place}") for place in range(places)]
        self._held: IO[str] | None = None

    def __enter__(self) -> Slot:
        # Only the first of those who wait looks again and again.
        with self._turnstile.open("a") as turnstile:
            fcntl.flock(turnstile, fcntl.LOCK_EX)
            while not (held := next(filter(None, map(_taken, self._files)), None)):
                time.sleep(_LOOK_S)
            _release(turnstile)
        self._held = held
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let somebody else have the place. Without one, do nothing."""
        if self._held:
            _release(self._held)
            self._held.close()
            self._held = None


def _taken(path: Path) -> IO[str] | None:
    """The file, locked; None where another process has locked it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _release(file: IO[str]) -> None:
    """Explicitly: a child process that inherited the file would keep the lock that closing it leaves."""
    fcntl.flock(file, fcntl.LOCK_UN)
