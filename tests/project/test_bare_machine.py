"""Machines that lack something: each run ends as its user expects, with a verdict or one line that has the remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clusters.toolchain.cache import cache_root
from scenarios.initializers import newest
from tests.namespaces import apart
from tests.suite_runs import HONEST, command_of, run

HOUSE = Path(__file__).parents[2]
#: A release whose packages are in this machine's cache; to install them takes minutes.
installed = pytest.mark.skipif(
    not any(cache_root().glob(f"venv/kserve-{newest()}-*/.complete")), reason=f"KServe {newest()} is not installed"
)
#: Brings up the network of a machine with itself, where a network namespace is new.
LOOP_BACK = f"{sys.executable} -c 'from scenarios.initializers.launcher import _loop_back; _loop_back()'"
SMALL = ("--initializer", HONEST, "--store", "local,http", "--rule", "ERR-001,PLACE-001")


@pytest.mark.parametrize("isolation", ["auto", "none"])
def test_temporary_files_that_cannot_be_executed(tmp_path: Path, isolation: str) -> None:
    """Mounted noexec, nosuid and nodev, as hardening guides want /tmp."""
    hard = tmp_path / "hard"
    hard.mkdir()
    mount = f"mount -t tmpfs -o noexec,nosuid,nodev none {hard}"
    command = command_of(tmp_path, *SMALL, "--isolation", isolation)
    done = apart("--mount", [mount], tmp_path, *command, TMPDIR=str(hard))
    assert done.outcomes("PLACE-001") == {"passed"}, done.text
    assert done.outcomes("ERR-001") == {"passed"}


def test_a_checkout_that_cannot_be_written(tmp_path: Path) -> None:
    """The report goes elsewhere, or the run ends with a line about it."""
    closed = [f"mount --bind {HOUSE} {HOUSE}", f"mount -o remount,bind,ro {HOUSE}", f"cd {HOUSE}"]
    done = apart("--mount", closed, tmp_path, *command_of(tmp_path, *SMALL))
    assert done.code == 0, done.text
    there = [part for part in command_of(tmp_path, *SMALL) if not part.startswith("--report-dir")]
    refused = apart("--mount", closed, tmp_path, *there)
    assert refused.code == 4
    assert "--report-dir" in refused.text.strip().splitlines()[-1]


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache would lie there: one line with the variables that name another place."""
    monkeypatch.setenv("HOME", "/proc/nobody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("KSERVE_CONFORMANCE_CACHE", raising=False)
    refused = run(tmp_path, "--store", "pvc", "--rule", "ERR-001")
    assert refused.code == 4
    (line,) = [line for line in refused.text.splitlines() if "cannot be written" in line]
    assert line.endswith("set HOME or KSERVE_CONFORMANCE_CACHE to another folder")
    assert run(tmp_path, *SMALL).code == 0, "nothing of the cache is needed"


@pytest.mark.parametrize(
    ("initializer", "store", "server"),
    [
        (HONEST, "http", "http-server"),
        pytest.param(f"kserve:{newest()}", "s3", "moto", marks=installed),
    ],
    ids=["honest", "kserve"],
)
def test_no_way_out(tmp_path: Path, initializer: str, store: str, server: str) -> None:
    """Once everything is there, a run needs no network but that of this machine with itself."""
    chosen = ("--initializer", initializer, "--store", f"{store},local", "--rule", "PLACE-001,ERR-001", "--smoke")
    first = run(tmp_path, *chosen)
    assert first.code == 0, first.text
    done = apart("--net", [LOOP_BACK], tmp_path, *command_of(tmp_path, *chosen))
    assert done.code == 0, done.text
    assert len(done.report["results"]) == len(first.report["results"]) > 2
    assert server in {one["name"] for one in done.report["environment"]["servers"]}
    assert done.outcomes("PLACE-001") == {"passed"}
