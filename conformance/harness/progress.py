"""Show a run's progress: a line from time to time and, near the end, the cases that still run."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Seconds between two lines: during the run, and near its end.
EVERY_S, NEAR_THE_END_S = 60.0, 10.0
_LOOK_S = 1.0
#: A line names at most this many cases.
_NAMED = 4


@contextmanager
def announced(folder: Path, case: str) -> Iterator[Callable[[float], None]]:
    """Announce that this process runs `case`. Call the yielded function before each call, with its limit in seconds.

    folder  the run's folder, which all of its processes share.
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
    """A pytest plugin of the controlling process. It writes from a thread, because few events occur near the end."""

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
        """Count a finished case of any process."""
        self._done += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Stop writing lines."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            left = self._session.testscollected - self._done
            near_the_end = 0 < left <= self._processes
            if left > 0 and time.monotonic() - self._last >= (NEAR_THE_END_S if near_the_end else EVERY_S):
                self._last = time.monotonic()
                self._write(self.line(left, waits=near_the_end))

    def line(self, left: int, *, waits: bool) -> str:
        """Return the progress line. With `waits`, it names the running cases and the time left for each call."""
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
    """Return the cases with a call in progress and the seconds until its time limit, the longest first."""
    found = []
    for place in _running(folder).glob("*[0-9]"):
        try:
            case, until = json.loads(place.read_text())
        except (OSError, ValueError):  # the call has just ended
            continue
        found.append((case, until - time.monotonic()))
    return sorted(found, key=lambda pair: -pair[1])


def _running(folder: Path) -> Path:
    return folder / "running"
