"""Starting a call: what happens where no sandbox comes about, or the suite is killed meanwhile, and what it costs."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, Call, Isolation
from scenarios.initializers.start import SandboxBroken
from tests.isolations import anyhow, bubblewrap, in_a_sandbox
from tests.processes import command_lines, ended, wait_until


def _failing(folder: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """A bubblewrap that cannot bind what goes meanwhile, so many times."""
    wrapper = folder / "bin" / "bwrap"
    wrapper.parent.mkdir()
    wrapper.write_text(f"""#!/bin/sh
echo >>{folder}/starts
[ "$(wc -l <{folder}/starts)" -gt {times} ] && exec {shutil.which("bwrap")} "$@"
echo "Can't bind mount: No such file" >&2; exit 1
""")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")


@bubblewrap
def test_a_mount_that_goes_while_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container elsewhere on the machine ends just then: the program had not begun, so it begins once more."""
    _failing(tmp_path, monkeypatch, times=2)
    call = Call([], tmp_path / "call")
    assert sandbox.run(["/bin/sh", "-c", "echo said"], [], call, "bubblewrap").stdout == "said\n"


@bubblewrap
def test_a_sandbox_that_never_starts_says_nothing_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(tmp_path, monkeypatch, times=100)
    with pytest.raises(SandboxBroken, match="bubblewrap did not start: Can't bind mount: No such file"):
        sandbox.run(["/bin/true"], [], Call([], tmp_path / "call"), "bubblewrap")
    assert (tmp_path / "starts").read_text().count("\n") == 3


@in_a_sandbox
def test_a_killed_suite_leaves_nothing(tmp_path: Path, isolation: Isolation) -> None:
    """SIGKILL gives nobody a chance to clean up."""
    script = f"""
from pathlib import Path
from scenarios.initializers import sandbox
from scenarios.initializers.base import Call
program = ["/bin/sh", "-c", "setsid sleep 4711.3 & exec sleep 4711.3"]
sandbox.run(program, [], Call([], Path({str(tmp_path)!r})), {isolation!r})
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2]) as suite:
        wait_until(lambda: any("4711.3" in argv for argv in command_lines()), "the program to start", 20)
        suite.send_signal(signal.SIGKILL)
    ended("4711.3")


@anyhow
def test_a_suite_killed_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path, isolation: Isolation) -> None:
    """A start takes 10 to 30 ms; the suite makes one after the other and is killed at any moment of it."""
    script = f"""
from pathlib import Path
from scenarios.initializers import sandbox
from scenarios.initializers.base import Call
print("ready", flush=True)
while True:
    sandbox.run(["/bin/sleep", "4711.4"], [], Call([], Path({str(tmp_path)!r}), timeout_s=0.01), {isolation!r})
"""
    for n in range(12):
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as suite:
            assert suite.stdout is not None
            suite.stdout.readline()
            time.sleep(n * 0.0025)
            suite.kill()
    ended("4711.4")


@in_a_sandbox
def test_the_sandbox_costs_little(tmp_path: Path, isolation: Isolation) -> None:
    """Thousands of calls a run: 8 ms of CPU time with bubblewrap, 24 ms with Python, of which its start takes 10."""
    took = []
    for n in range(5):
        workdir = tmp_path / str(n)
        workdir.mkdir()
        before = _spent()
        sandbox.run(["/bin/true"], [], Call([("x", DEST)], workdir), isolation)
        took.append(_spent() - before)
    assert min(took) < 0.1


def _spent() -> float:
    """CPU seconds of all that this process has started and waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
