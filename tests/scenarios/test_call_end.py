"""One call of an untrusted program: how it ends, and that the suite ends what does not end by itself."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, PVC, Call, Conditions, Isolation
from scenarios.initializers.process import KEPT_BYTES
from tests.isolations import Shell, anyhow
from tests.processes import after, ended


@pytest.mark.parametrize(
    ("script", "exit_code"), [("exit 0", 0), ("exit 143", 143), ("kill -9 $$", -9), ("kill -TERM $$", -15)]
)
def test_how_a_program_ended(shell: Shell, script: str, exit_code: int) -> None:
    """A signal is told from an exit status that looks like one."""
    outcome = shell(script)
    assert (outcome.ended, outcome.exit_code) == ("exit", exit_code)


@anyhow
def test_a_program_that_is_missing(tmp_path: Path, isolation: Isolation) -> None:
    """127 and its name, as from a shell."""
    outcome = sandbox.run(["/no/such/program"], [], Call([], tmp_path), isolation)
    assert outcome.exit_code == 127
    assert "/no/such/program" in outcome.stderr


def test_a_hang(shell: Shell) -> None:
    """Ended by the limit with all that it started, even where SIGTERM is ignored."""
    outcome = shell("trap '' TERM; sleep 4711.1 & sleep 4711.1; sleep 4711.1", timeout_s=0.3)
    assert (outcome.ended, outcome.exit_code, outcome.leftover_processes) == ("timeout", -signal.SIGKILL, ())
    assert 2 <= outcome.duration_s < 10
    ended("4711.1")


def test_last_words_before_the_limit(shell: Shell) -> None:
    """SIGTERM comes first, so that a log is complete."""
    outcome = shell("trap 'echo bye; exit 5' TERM; echo hi; while :; do sleep 0.02; done", timeout_s=0.3)
    assert (outcome.ended, outcome.exit_code, outcome.stdout) == ("timeout", 5, "hi\nbye\n")


def test_a_flood_of_output(shell: Shell) -> None:
    """The first and the last of it are kept, the rest costs no memory."""
    outcome = shell("echo first; head -c 200000000 /dev/zero; echo last; echo e >&2")
    assert outcome.truncated
    assert outcome.stdout.startswith("first\n")
    assert outcome.stdout.endswith("last\n")
    assert len(outcome.stdout) < 2 * KEPT_BYTES + 100
    assert f"[... {200000000 + 11 - 2 * KEPT_BYTES} bytes left out ...]" in outcome.stdout
    assert outcome.stderr == "e\n"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("head -c 100000000 /dev/zero >$2/x", id="one-file"),
        pytest.param("for i in 1 2 3 4 5 6 7 8 9; do head -c 10000000 /dev/zero >$2/$i; done; sleep 60", id="many"),
    ],
)
def test_a_full_disk(shell: Shell, script: str) -> None:
    """Neither one file nor many pass the limit by much."""
    outcome = shell(script)
    assert outcome.ended == "disk"
    assert outcome.duration_s < 30
    assert sum(len(entry.content or b"") for entry in outcome.trees[DEST].values()) < 200 << 20


def test_survivors(shell: Shell) -> None:
    """Detached from session, terminal and streams: counted, and ended."""
    outcome = shell("setsid sleep 4711.2 >/dev/null 2>&1 </dev/null & sleep 4711.2 & exit 0")
    assert (outcome.ended, outcome.exit_code, outcome.leftover_processes) == ("exit", 0, ["sleep", "sleep"])
    ended("4711.2")


def test_a_helper_that_follows_is_no_survivor(shell: Shell) -> None:
    """It ends a moment later, as a resource tracker does."""
    outcome = shell("setsid sleep 0.1 & echo done")
    assert (outcome.stdout, outcome.leftover_processes) == ("done\n", [])


def test_termination(shell: Shell) -> None:
    """A handler is given the signal, and its time is measured."""
    script = "trap 'sleep 0.2; exit 7' TERM; while :; do sleep 0.02; done"
    outcome = shell(script, conditions=Conditions(terminate_when=after(0.3)))
    assert (outcome.ended, outcome.exit_code) == ("exit", 7)
    assert outcome.ended_after_signal_s is not None
    assert 0.2 <= outcome.ended_after_signal_s < 5
    assert shell("exit 0", conditions=Conditions(terminate_when=after(5))).ended_after_signal_s is None


def test_termination_without_a_handler(shell: Shell) -> None:
    """The kernel drops the signal to a container's first process; it runs on until the limit."""
    outcome = shell("exec sleep 60", conditions=Conditions(terminate_when=after(0.1)), timeout_s=0.5)
    assert outcome.ended == "timeout"
    assert outcome.ended_after_signal_s is not None
    assert outcome.ended_after_signal_s > 0.3


def test_no_signal_is_ignored(shell: Shell) -> None:
    """What Python ignores, SIGPIPE and SIGXFSZ, ends a program; what nohup(1) ignores for all is not the suite's."""
    outcome = shell("grep SigIgn /proc/self/status")
    found = re.search(r"^SigIgn:\t(\w+)", Path("/proc/self/status").read_text(), re.M)
    assert found
    pythons = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(outcome.stdout.split()[1], 16) == int(found[1], 16) & ~pythons


def test_costs_are_measured(shell: Shell) -> None:
    """CPU and peak memory of the program, its children included."""
    hog = "import time; x = b'1' * 100_000_000; t = time.process_time()\nwhile time.process_time() < t + .3: pass"
    outcome = shell(f'/usr/bin/python3 -c "{hog}"') if Path("/usr/bin/python3").exists() else pytest.skip("no python3")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.cpu_s >= 0.3
    assert 100_000_000 < outcome.peak_memory < 200_000_000


def test_it_can_be_reproduced(shell: Shell, tmp_path: Path) -> None:
    """The line makes the same call on this machine, without the sandbox."""
    claim = tmp_path / "claim"
    claim.mkdir()
    (claim / "m").write_text("model")
    script = 'cp "${1#file://}/m" "$2/again-$WORD"'
    outcome = shell(script, source=f"file://{PVC}", mounts={PVC: claim}, environment={"WORD": "it's"})
    assert outcome.reproduce.startswith("env -i ")
    made = tmp_path / "root" / "mnt" / "models" / "again-it's"
    made.unlink()
    subprocess.run(["sh", "-c", outcome.reproduce], check=True)
    assert made.read_text() == "model"
