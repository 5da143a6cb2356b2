"""What a run shows of its progress."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from conformance.harness import progress
from conformance.harness.progress import Progress, announced, running


class _Terminal:
    """As much of pytest's terminal reporter as the lines need."""

    def __init__(self) -> None:
        self.text = io.StringIO("....")
        self.text.seek(4)
        self._tw = SimpleNamespace(width_of_current_line=4)

    def line(self, _: str) -> None:
        self.text.write("\n")
        self._tw.width_of_current_line = 0

    def write_line(self, line: str) -> None:
        self.text.write(f"{line}\n")


def _progress(terminal: _Terminal, folder: Path) -> Progress:
    config = SimpleNamespace(
        pluginmanager=SimpleNamespace(getplugin=lambda _: terminal), getoption=lambda *_: 8, stash=None
    )
    session = SimpleNamespace(config=config, testscollected=30)
    return Progress(cast("pytest.Session", session), folder)


def test_a_call_announces_its_time_limit(tmp_path: Path) -> None:
    """The last call of a case counts; a case that is over is gone."""
    with announced(tmp_path, "FAULT-007 on s3") as before_call:
        assert running(tmp_path) == []
        before_call(10.0)
        before_call(100.0)
        ((case, limit),) = running(tmp_path)
        assert case == "FAULT-007 on s3"
        assert 90 < limit <= 100
    assert running(tmp_path) == []


def test_lines_come_while_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is left; near the end what the run waits for, the longest first."""
    monkeypatch.setattr(progress, "_LOOK_S", 0.01)
    monkeypatch.setattr(progress, "EVERY_S", 0.05)
    monkeypatch.setattr(progress, "NEAR_THE_END_S", 0.05)
    terminal = _Terminal()
    lines = _progress(terminal, tmp_path)
    _until(lambda: "30 of 30 cases left after 0 s\n" in terminal.text.getvalue())
    assert terminal.text.getvalue().startswith("....\n[run] 30 of 30 cases left after 0 s\n")
    for _ in range(28):
        lines.pytest_runtest_logfinish()
    folder = tmp_path / "running"
    folder.mkdir()
    for number, limit in ((1, 5.4), (2, 90.4)):
        (folder / str(number)).write_text(f'["CASE-{number}", {time.monotonic() + limit}]')
    (folder / f"{os.getpid()}.draft").write_text("[")
    _until(lambda: "CASE-1" in terminal.text.getvalue())
    assert "[run] 2 of 30 cases left after 0 s; the run waits for CASE-2 (at most 90 s), CASE-1 (at most 5 s)\n" in (
        terminal.text.getvalue()
    )
    lines.pytest_sessionfinish()
    time.sleep(0.1)
    written = terminal.text.getvalue()
    time.sleep(0.2)
    assert terminal.text.getvalue() == written


def _until(done: object) -> None:
    deadline = time.monotonic() + 10
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
