"""Calls that are interrupted: killed in the middle, one of their processes killed, and a destination that is full."""

from __future__ import annotations

import signal
from pathlib import Path

from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, Call, CallResult, Conditions, Isolation, Kill
from tests.isolations import anyhow, in_a_sandbox


def _run(
    folder: Path, script: str, isolation: Isolation, kill: Kill | None = None, *, space: int | None = None
) -> CallResult:
    call = Call([("x://y", DEST)], folder, conditions=Conditions(kill=kill, space=space), timeout_s=20)
    return sandbox.run(["/bin/sh", "-c", script, "sh"], [], call, isolation)


@anyhow
def test_a_call_is_killed_when_it_is_time(tmp_path: Path, isolation: Isolation) -> None:
    """What it has written until then is there."""
    begun = tmp_path / "root" / DEST.lstrip("/") / "begun"
    kill = Kill(begun.exists)
    outcome = _run(tmp_path, "trap '' TERM; echo half >$2/begun; sleep 4712.1", isolation, kill)
    assert (outcome.ended, outcome.exit_code, outcome.killed) == ("exit", -signal.SIGKILL, "program")
    assert outcome.trees[DEST]["begun"].content == b"half\n"


@anyhow
def test_one_process_of_several_is_killed(tmp_path: Path, isolation: Isolation) -> None:
    """The program goes on, and sees it."""
    begun = tmp_path / "root" / DEST.lstrip("/") / "begun"
    kill = Kill(begun.exists, worker=True)
    outcome = _run(tmp_path, "sleep 4712.2 & echo >$2/begun; wait $!; echo child: $?", isolation, kill)
    assert (outcome.exit_code, outcome.killed, outcome.stdout) == (0, "worker", "child: 137\n")


@anyhow
def test_without_other_processes_the_program_is_killed(tmp_path: Path, isolation: Isolation) -> None:
    """Nobody waits for a worker that never comes."""
    kill = Kill(lambda: True, worker=True)
    outcome = _run(tmp_path, "while :; do :; done", isolation, kill)
    assert (outcome.exit_code, outcome.killed) == (-signal.SIGKILL, "program")


@in_a_sandbox
def test_a_destination_that_is_full(tmp_path: Path, isolation: Isolation) -> None:
    """ENOSPC, as on a volume with a limit; what did fit is seen afterwards, folders and links too."""
    script = "mkdir $2/d && ln -s d $2/l && echo small >$2/d/small && head -c 2000000 /dev/zero >$2/large"
    outcome = _run(tmp_path, script, isolation, space=1 << 20)
    tree = outcome.trees[DEST]
    assert outcome.exit_code != 0
    assert "No space left on device" in outcome.stderr
    assert (tree["d/small"].content, tree["l"].link) == (b"small\n", "d")
    assert 0 < len(tree["large"].content or b"") < 1 << 20
