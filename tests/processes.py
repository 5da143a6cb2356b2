"""List the processes of this machine, and wait for them to start or end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def command_lines() -> list[list[str]]:
    """Return the arguments of every other process of this machine, with the program first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name != str(os.getpid()):
            with suppress(OSError):
                found.append((folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
    return found


def wait_until(condition: Callable[[], object], what: str, within_s: float = 120) -> None:
    """Wait until `condition()` is true; fail after `within_s` seconds, with `what` in the message."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {within_s} s for {what}"
        time.sleep(0.02)


def after(seconds: float) -> Callable[[], bool]:
    """Return a function that returns whether `seconds` have passed since this call."""
    over = time.monotonic() + seconds
    return lambda: time.monotonic() >= over


def ended(word: str) -> None:
    """Wait until no process has `word` in its arguments; fail after 5 seconds."""
    wait_until(lambda: not any(word in argv for argv in command_lines()), f"{word} to end", 5)


def running(mark: str) -> bool:
    """Return whether `mark` is part of the command line of a running process."""
    return any(mark in " ".join(argv) for argv in command_lines())
