"""`python -m tools.every_release`: the table, and releases that do not run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import every_release


def _runs(output: Path, *releases: str, rule: str = "PLACE-001") -> int:
    chosen = [word for release in releases for word in ("--release", release)]
    return every_release.main([*chosen, "--output", str(output), "--", "--store", "local", "--rule", rule])


@pytest.mark.timeout(300)
def test_two_releases_make_a_table_and_do_not_run_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The second call finds both reports. Without the inputs of a run, as after a kill, the release runs again."""
    assert _runs(tmp_path, "0.20.0", "0.21.0") == 0
    table = json.loads((tmp_path / "matrix.json").read_text())
    assert [column["kserve"] for column in table["columns"]] == ["0.20.0", "0.21.0"]
    capfd.readouterr()

    assert _runs(tmp_path, "0.20.0", "0.21.0") == 0
    assert capfd.readouterr().out.count("has the report of the same suite and options") == 2

    inputs = tmp_path / "0.20.0" / every_release.INPUTS
    inputs.write_text(inputs.read_text()[:-10])
    assert _runs(tmp_path, "0.20.0") == 0
    assert "1 passed" in capfd.readouterr().out


def test_a_run_that_does_not_begin_ends_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own message and status are shown, and nothing is kept."""
    assert _runs(tmp_path, "0.20.0", "0.21.0", rule="NOPE-001") == pytest.ExitCode.USAGE_ERROR
    assert not (tmp_path / "0.20.0" / every_release.INPUTS).exists()
    assert not (tmp_path / "0.21.0").exists()
    assert "NOPE-001" in capfd.readouterr().err


def test_an_unknown_release_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything runs."""
    assert every_release.main(["--release", "9.9.9"]) == every_release.USAGE
    assert capsys.readouterr().err.startswith("--release 9.9.9: unknown release; use one of 0.11.2, ")
