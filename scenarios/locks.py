"""Locks between local processes. The kernel releases them when a process ends."""

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
    """A lock that many processes hold `shared` or one process holds `alone`.

    Every process first passes a turnstile. A process that wants the lock alone stays in the turnstile until all others
    have released the lock, so later processes cannot overtake it.
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
    """The lock file shared by all runs of a user on this machine. It is outside the cache, which may be read-only."""
    return Path(tempfile.gettempdir(), f"kserve-conformance-locks-{os.getuid()}", name)


class Slot:
    """One of `places` places. A process holds it from the moment that one is free until `release`."""

    def __init__(self, path: Path, places: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turnstile = path.with_name(f"{path.name}.turnstile")
        self._files = [path.with_name(f"{path.name}-{place}") for place in range(places)]
        self._held: IO[str] | None = None

    def __enter__(self) -> Slot:
        # Only the first process in the queue polls.
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
        """Release the place. Does nothing without one."""
        if self._held:
            _release(self._held)
            self._held.close()
            self._held = None


def _taken(path: Path) -> IO[str] | None:
    """The locked file; None if another process has locked it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _release(file: IO[str]) -> None:
    """Unlock explicitly. Closing the file would leave the lock with a child process that inherited the file."""
    fcntl.flock(file, fcntl.LOCK_UN)
