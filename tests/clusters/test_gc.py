"""What killed runs leave is removed, and nothing else."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clusters import gc, kind
from clusters.__main__ import main
from clusters.base import NoCluster
from clusters.kind import Kind
from clusters.toolchain.cache import cache_root
from tests.clusters.stub_engine import ENDED_WITHIN_S, PAUSE, engine_that
from tests.processes import wait_until


def record(name: str, **changes: object) -> gc.Record:
    """A record of this process."""
    of_this = gc.Record(name, os.getpid(), gc.started(os.getpid()), False, "recipe", "assembled", "a test")
    return dataclasses.replace(of_this, **changes)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_own_cache")
def test_only_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    """Neither kept clusters nor those of living runs; the rest goes with container, volumes, network and folder."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    for one in (record("lives"), record("kept", pid=dead.pid, kept=True), record("left", pid=dead.pid)):
        one.write()
    assert gc.collect(engine_that(tmp_path, '[ "$1 $2" != "volume ls" ] || echo its-volume')) == ["left"]
    assert sorted(folder.name for folder in (cache_root() / "clusters").iterdir()) == ["kept", "lives"]
    assert (tmp_path / "calls").read_text().splitlines() == [
        "rm --force --time 0 --volumes left-control-plane",
        "volume ls --quiet --filter label=left-control-plane",
        "volume rm --force its-volume",
        "network rm left",
    ]


def test_a_process_number_that_was_given_again_is_no_owner() -> None:
    assert not record("any").abandoned
    assert record("any", started="1").abandoned


@pytest.mark.usefixtures("_own_cache")
def test_a_killed_run_has_its_cluster_removed(tmp_path: Path) -> None:
    """Nobody but the cleanup watchdog is left then."""
    engine = engine_that(tmp_path, "")
    record("mine").write()
    script = f"""
import time
from clusters import gc
from clusters.engine import Engine
gc.CleanupWatchdog({engine!r}, "mine")
print("up", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=PAUSE.parents[2]) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"up\n"
        killed.send_signal(signal.SIGKILL)
    wait_until(lambda: not gc.folder_of("mine").exists(), "the cleanup watchdog", ENDED_WITHIN_S)
    assert "rm --force --time 0 --volumes mine-control-plane" in (tmp_path / "calls").read_text()


@pytest.mark.usefixtures("_own_cache")
def test_a_dismissed_watchdog_leaves_the_cluster_alone(tmp_path: Path) -> None:
    record("kept").write()
    gc.CleanupWatchdog(engine_that(tmp_path, ""), "kept").dismiss()
    assert gc.record_of("kept") == record("kept")


@pytest.mark.usefixtures("_own_cache")
def test_a_cluster_of_a_running_process_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_that(tmp_path, "")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    record("shared").write()
    with pytest.raises(NoCluster, match=f"belongs to the run of process {os.getpid()}"):
        Kind("shared", keep=True).start()
    record("shared", kept=True).write()
    with pytest.raises(NoCluster, match="shared was kept; keep it for this run too, or choose another name"):
        Kind("shared").start()


def test_the_command_says_in_one_line_why_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = dataclasses.replace(engine_that(tmp_path, ""), version="3.4.4")
    monkeypatch.setattr(kind, "find_engine", lambda: old)
    assert main(["gc"]) == 1
    assert capsys.readouterr().err == "podman 3.4.4 is too old for kind; install 4.0 or newer\n"
