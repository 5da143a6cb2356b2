"""How much of a run is left, for whoever watches it: a line now and then, and near the end what it still waits for."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Seconds between two lines, in the run and near its end.
EVERY_S, NEAR_THE_END_S = 60.0, 10.0
_LOOK_S = 1.0
#: As many cases are named in a line, at most.
_NAMED = 4


@contextmanager
def announced(folder: Path, case: str) -> Iterator[Callable[[float], None]]:
    """A case that runs in this process; to be called with the time limit of each call, in seconds, before it.

    folder  the run's own, which all of its processes share.
    """
    place = _running(folder) / str(os.getpid())
    place.parent.mkdir(parents=True, exist_ok=True)

    def before_call(limit_s: float) -> None:
        draft = place.with_suffix(".draft")
        draft.write_text(json.dumps([case, time.monotonic() + limit_s]))
        draft.replace(place)

    yield before_call
    place.unlink(missing_ok=True)


class Progress:
    """A pytest plugin of the controlling process. It writes from a thread, because the end of a run has few events."""

    def __init__(self, session: pytest.Session, folder: Path) -> None:
        self._terminal: pytest.TerminalReporter = session.config.pluginmanager.getplugin("terminalreporter")
        self._session = session
        self._folder = folder
        self._processes = session.config.getoption("numprocesses", 0) or 1
        self._began = self._last = time.monotonic()
        self._over = threading.Event()
        self._done = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def pytest_runtest_logfinish(self) -> None:
        """Count a case, whichever process ran it."""
        self._done += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Write no more lines from here on."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            left = self._session.testscollected - self._done
            near_the_end = 0 < left <= self._processes
            if left > 0 and time.monotonic() - self._last >= (NEAR_THE_END_S if near_the_end else EVERY_S):
                self._last = time.monotonic()
                self._write(self.line(left, waits=near_the_end))

    def line(self, left: int, *, waits: bool) -> str:
        """How much is left; with `waits` the cases that run now, and how long the current call of each may take."""
        after = f"of {self._session.testscollected} cases left after {time.monotonic() - self._began:.0f} s"
        now = running(self._folder) if waits else []
        if not now:
            return f"[run] {left} {after}"
        named = ", ".join(f"{case} (at most {max(0.0, limit):.0f} s)" for case, limit in now[:_NAMED])
        more = f" and {len(now) - _NAMED} more" if len(now) > _NAMED else ""
        return f"[run] {left} {after}; the run waits for {named}{more}"

    def _write(self, line: str) -> None:
        if self._terminal._tw.width_of_current_line:  # noqa: SLF001 - pytest ends only lines of its own
            self._terminal.line("")
        self._terminal.write_line(line)


def running(folder: Path) -> list[tuple[str, float]]:
    """The cases with a call in progress, and the seconds until its time limit; the longest first."""
    found = []
    for place in _running(folder).glob("*[0-9]"):
        try:
            case, until = json.loads(place.read_text())
        except (OSError, ValueError):  # it has just ended
            continue
        found.append((case, until - time.monotonic()))
    return sorted(found, key=lambda pair: -pair[1])


def _running(folder: Path) -> Path:
    return folder / "running"
