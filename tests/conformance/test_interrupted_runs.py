"""Runs that are interrupted, killed, or stopped at a failure: their results stay, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reports.__main__ import main
from tests.processes import running, wait_until
from tests.suite_runs import INITIALIZERS, broken, command_of, heed_interrupts, run


@pytest.mark.parametrize("times", [1, 2])
def test_a_hanging_initializer_is_ended(tmp_path: Path, times: int) -> None:
    """SIGINT to the run while the initializer hangs: the results so far are kept, nothing goes on."""
    argv = command_of(tmp_path, "--initializer", _hanging(tmp_path), "--store", "local", "--rule", "PLACE-001")
    with subprocess.Popen(
        argv,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 -- no thread of ours forks here
    ) as process:
        wait_until(lambda: running(f"{tmp_path}/broken.py hang file:"), "the initializer to start")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        text = process.communicate(timeout=120)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, text
    assert "CUT OFF" in text
    assert "Traceback" not in text
    assert not json.loads((tmp_path / "reports" / "report.json").read_text())["footer"]["complete"]
    wait_until(lambda: not running(f"{tmp_path}/broken.py hang file:"), "the initializer to end")


@pytest.mark.parametrize("options", [("-x",), ("--maxfail=1", "-n", "2")], ids=["in one process", "in two"])
def test_a_run_that_stops_at_a_failure_is_cut_off(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Not every case that was selected has a result; terminal, page, footer and `check` say so."""
    done = run(tmp_path, "--initializer", "command:/bin/true", "--store", "local", "--rule", "PLACE-*", *options)
    assert done.code in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}, done.text
    assert "CUT OFF: the run did not finish" in done.text
    assert "Cut off</b>: the run did not finish" in (done.reports / "report.html").read_text()
    assert not done.report["footer"]["complete"]
    assert main(["check", str(done.reports / "report.json")]) == 1


def test_a_run_that_stops_at_its_last_case_is_whole(tmp_path: Path) -> None:
    """`-x` left nothing undone."""
    done = run(tmp_path, "--initializer", broken("flatten"), "--store", "local", "--rule", "PLACE-001", "-x")
    assert done.code == pytest.ExitCode.TESTS_FAILED, done.text
    assert done.report["footer"]["complete"]


def test_a_killed_run_keeps_its_results_and_leaves_nothing(tmp_path: Path) -> None:
    """kill -9 of pytest: servers and initializers end with it, the journal can be recovered."""
    argv = command_of(tmp_path, "--initializer", _hanging(tmp_path), "--store", "local", "--rule", "*-001")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: running(f"{tmp_path}/broken.py hang file:"), "the initializer to start")
        process.kill()
    wait_until(lambda: not running(str(tmp_path)), "everything to end")
    recover = [sys.executable, "-m", "reports", "recover", str(tmp_path / "reports")]
    assert subprocess.run(recover, capture_output=True, check=False).returncode in {0, 1}
    assert (tmp_path / "reports" / "report.json").exists()


def _hanging(folder: Path) -> str:
    """An initializer that hangs, in a copy of the test's own: that of a test beside this one has another path."""
    for program in INITIALIZERS.glob("*.py"):
        shutil.copy(program, folder)
    return f"command:{sys.executable} {folder / 'broken.py'} hang"
