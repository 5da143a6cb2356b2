"""`python -m conformance init`: the first file of claims, from options, a report or questions."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance import claims
from conformance.__main__ import main
from reports import writer
from reports.claims import Feature
from tests.sample_report import report_of, result


def _init(*options: str) -> int:
    return main(["init", *options])


FLAGS = ("--name", "loader", "--version", "1.0", "--command", "/bin/true", "--uri", "kit://=s3")


def test_init_writes_claims_that_are_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the schema for editors, and the features that are not claimed as comments."""
    path = tmp_path / "conformance.yaml"
    assert _init(*FLAGS, "--feature", "archives", "--profile", "download", "-o", str(path)) == 0
    assert f"pytest conformance/ --claims {path}" in capsys.readouterr().out
    text = path.read_text()
    assert (path.parent / text.splitlines()[0].partition("$schema=")[2]).resolve() == claims.SCHEMA.resolve()
    assert "  # - patterns  # " in text
    assert "git-lfs" not in text
    found = claims.read(path)
    assert (found.name, found.features) == ("loader", frozenset({"archives"}))
    assert found.uris == (("kit://", "s3"),)


def test_init_replaces_a_file_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "conformance.yaml"
    path.write_text("mine")
    assert _init(*FLAGS, "-o", str(path)) == 2
    assert "is there already; use --force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert _init(*FLAGS, "-o", str(path), "--force") == 0
    assert claims.read(path).version == "1.0"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "--name is missing; give it, or run the command on a terminal"),
        (FLAGS[:4], "--image or --command is missing"),
        (FLAGS[:6], "--uri is missing"),
        ((*FLAGS[:6], "--uri", "s3"), "KServe's own storage container `default`"),
        ((*FLAGS, "--feature", "zips"), "features[0]: unknown value 'zips'"),
        ((*FLAGS, "--plugin", "no_such_module"), "cannot be imported"),
        ((*FLAGS, "--from", "no-report.json"), "no-report.json cannot be read"),
        ((*FLAGS, "-o", "/no/such/folder/c.yaml"), "cannot be written: No such file or directory"),
    ],
    ids=range(8),
)
def test_init_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: Sequence[str],
    expected: str,
) -> None:
    """In one line, and it writes nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert _init(*options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not list(tmp_path.iterdir())


def test_init_asks_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what the options leave out, and for the overlap."""
    answers = iter(["2.0", "registry.example/loader", "s3", "by-name"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", lambda _: next(answers))
    assert _init("--name", "loader", "-o", str(tmp_path / "c.yaml")) == 0
    found = claims.read(tmp_path / "c.yaml")
    assert (found.version, found.image, found.uris, found.overlap) == (
        "2.0",
        "registry.example/loader",
        (("s3://", "s3"),),
        "by-name",
    )


def test_init_drafts_what_a_report_shows(tmp_path: Path) -> None:
    """The features that work, the stores and the profiles."""
    works = result(needs="archives")
    unpacks = Feature("archives", "It unpacks.", profiles=("download/s3",))
    base = report_of(works, features=(unpacks, Feature("patterns", "It selects.", profiles=("download/s3",))))
    writer.write(base, tmp_path)
    options = ("--name", "loader", "--command", "/bin/true", "--default-container", "disabled")
    assert _init(*options, "--from", str(tmp_path / writer.REPORT), "-o", str(tmp_path / "c.yaml")) == 0
    found = claims.read(tmp_path / "c.yaml")
    assert found.features == {"archives"}
    assert (found.stores, found.profiles) == (["s3"], ("download",))
    assert found.kserve == "0.20.0"
