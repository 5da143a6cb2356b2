"""Two reports side by side, and the commands that work on reports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reports import compare, writer
from reports.__main__ import main
from reports.commands import COMMANDS
from reports.summary import summary
from tests.sample_report import ERROR, FAILED, KNOWN, MIXED, NOT_RUN, report_of, result


def test_compare() -> None:
    """Conduct counts, not whether a list excused it; a case that was not judged is absent."""
    old = report_of(
        result(case="a"), result(FAILED, case="b"), result(KNOWN, case="c"), result(case="d"), result(NOT_RUN, case="e")
    )
    new = report_of(
        result(KNOWN, case="a"), result(case="b"), result(FAILED, case="c"), result(ERROR, case="d"), result(case="e")
    )
    found = compare.compare(old, new)
    assert [(d.change.value, d.case.case) for d in found] == [
        ("broke", "a"),
        ("fixed", "b"),
        ("new", "e"),
        ("gone", "d"),
    ]
    text = "\n".join(compare.render(old, new, found))
    assert "BROKE: 1\n  PLACE-001  The tree lands unchanged\n    s3  test_a[a]: passed -> known-failure" in text
    assert "No case changed." in "\n".join(compare.render(old, old, compare.compare(old, old)))


def test_compare_sees_through_servers() -> None:
    """The same case on another server is the same case."""
    old, new = report_of(result()), report_of(result(FAILED, server="minio"))
    assert [d.change for d in compare.compare(old, new)] == [compare.Change.BROKE]


def test_compare_tells_what_was_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A later run that did not end is no good news; that an earlier one did not is only said."""
    writer.write(report_of(result()), tmp_path / "whole")
    writer.write(report_of(result(), complete=False), tmp_path / "cut")
    whole, cut = (str(tmp_path / name / writer.REPORT) for name in ("whole", "cut"))
    assert main(["compare", whole, cut]) == 1
    assert "\nNEW was cut off after 1 results\n" in capsys.readouterr().out
    assert main(["compare", cut, whole]) == 0
    assert "\nOLD was cut off after 1 results\n" in capsys.readouterr().out
    assert main(["compare", whole, whole]) == 0
    assert "cut off" not in capsys.readouterr().out


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, report in (("good", report_of(result())), ("bad", report_of(*MIXED))):
        writer.write(report, tmp_path / name)
    good, bad = (str(tmp_path / name / writer.REPORT) for name in ("good", "bad"))
    assert main(["check", good]) == 0
    assert main(["compare", good, good]) == 0
    assert main(["compare", bad, good]) == 0
    assert main(["compare", good, str(tmp_path / "none.json")]) == 2
    assert "download/s3: conformant" in capsys.readouterr().out

    assert main(["render", bad, "-o", str(tmp_path / "elsewhere")]) == 0
    assert 'href="../bad/evidence/' in (tmp_path / "elsewhere" / writer.PAGE).read_text()
    assert main(["render", bad, "-o", good]) == 2
    assert "give a directory that can be written with -o\n" in capsys.readouterr().err
    assert main(["render", bad]) == 0
    assert 'href="evidence/' in (tmp_path / "bad" / writer.PAGE).read_text()


def test_the_closing_lines_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the terminal showed at the end of the run, without colours."""
    writer.write(report_of(*MIXED), tmp_path)
    report = tmp_path / writer.REPORT
    assert main(["summary", str(report)]) == 0
    expected = summary(report_of(*MIXED), path=tmp_path / writer.PAGE, colour=False, width=100)
    assert capsys.readouterr().out.splitlines() == expected
    assert main(["summary", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


def test_help() -> None:
    """The module runs as a program, and lists every command."""
    shown = subprocess.run(
        [sys.executable, "-m", "reports", "--help"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert shown.stdout.startswith("usage: python -m reports")
    assert re.findall(r"^ {4}(\S+)", shown.stdout, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: python -m reports {name}")
    assert COMMANDS[name].DESCRIPTION in " ".join(shown.split())


def test_a_reader_that_has_enough(tmp_path: Path) -> None:
    """`compare ... | head`: no traceback."""
    writer.write(report_of(result()), tmp_path)
    report = str(tmp_path / writer.REPORT)
    nobody, stdout = os.pipe()
    os.close(nobody)
    asked = [sys.executable, "-m", "reports", "compare", report, report]
    shown = subprocess.run(asked, cwd=Path(__file__).parents[2], stdout=stdout, stderr=subprocess.PIPE, check=False)
    os.close(stdout)
    assert (shown.returncode, shown.stderr) == (2, b"")
