"""What runs on this machine, and waiting for it to start or to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def command_lines() -> list[list[str]]:
    """The arguments of each process of this machine but this one, its program first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name != str(os.getpid()):
            with suppress(OSError):
                found.append((folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
    return found


def wait_until(condition: Callable[[], object], what: str, within_s: float = 120) -> None:
    """Until `condition()` holds; fails after `within_s` seconds with `what` was awaited."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {within_s} s for {what}"
        time.sleep(0.02)


def after(seconds: float) -> Callable[[], bool]:
    """Whether that many seconds have passed since this call."""
    over = time.monotonic() + seconds
    return lambda: time.monotonic() >= over


def ended(word: str) -> None:
    """Waits until no process is left with `word` among its arguments."""
    wait_until(lambda: not any(word in argv for argv in command_lines()), f"{word} to end", 5)
