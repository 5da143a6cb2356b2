"""Rules by releases: several reports in one table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reports.__main__ import main
from reports.compare import Change
from reports.matrix import Column, Matrix, Step, markdown, matrix, page
from reports.model import Outcome, Report
from reports.writer import write
from tests.sample_report import DRAFT, FAILED, KNOWN, report_of, result

OLD = [result(), result(KNOWN, "PLACE-002"), result(KNOWN, "PLACE-002", case="b"), result(rule="PLACE-002", case="c")]
NEW = [result(), result(FAILED, store="azure-files"), result(rule="PLACE-002"), result(rule="PLACE-002", case="b")]


def _report(version: str, *results: object) -> Report:
    return report_of(*results, initializer=replace(DRAFT.initializer, version=version))  # type: ignore[arg-type]


def _table() -> Matrix:
    return matrix([Column(_report("0.20.0", *OLD)), Column(_report("0.21.0", *NEW), "new/report.html")])


def test_a_cell_counts_the_cases_of_a_rule() -> None:
    """On all stores, and on each."""
    cells = {(row.rule.id, row.store): row.cells for row in _table().rows}
    old, new = cells["PLACE-002", ""]
    assert old is not None
    assert new is not None
    assert (old.text, old.outcome, new.text, new.outcome) == ("1/3", Outcome.KNOWN_FAILURE, "", Outcome.PASSED)
    assert cells["PLACE-001", "azure-files"][0] is None
    assert set(cells) == {("PLACE-001", ""), ("PLACE-001", "s3"), ("PLACE-001", "azure-files"), ("PLACE-002", ""),
                          ("PLACE-002", "s3")}  # fmt: skip


def test_steps_name_what_changed() -> None:
    """A case that only one report has is no change."""
    assert _table().steps == {"kserve 0.21.0": [Step(Change.FIXED, "PLACE-002", ["s3"], 2)]}


def test_the_page_has_a_row_for_each_rule_and_links_to_the_evidence() -> None:
    """It runs no script, and text from a report is escaped."""
    text = page(_table())
    assert 'href="new/report.html#PLACE-001.azure-files"' in text
    assert "<script" not in text
    hostile = matrix([Column(_report("<script>alert(1)</script>", *OLD))])
    assert "<script" not in page(hostile)


def test_markdown_shows_the_rules_that_a_release_breaks() -> None:
    """The others are counted."""
    text = markdown(_table())
    assert "| PLACE-002 A prefix is a path segment | MUST | 1/3 | ✓ |" in text
    assert "- fixed: PLACE-002 on s3, 2 cases" in text


def test_the_command_writes_three_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The columns keep the order of the command line."""
    for name, results in (("b", OLD), ("a", NEW)):
        write(_report(name, *results), tmp_path / name)
    paths = [str(tmp_path / name / "report.json") for name in ("b", "a")]
    assert main(["matrix", *paths, "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "out" / f"matrix.{kind}") for kind in ("html", "md", "json")
    ]
    made = json.loads((tmp_path / "out" / "matrix.json").read_text())
    assert [column["initializer"] for column in made["columns"]] == ["kserve b", "kserve a"]
    assert "../a/report.html#PLACE-002" in (tmp_path / "out" / "matrix.html").read_text()


def test_a_report_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and no file."""
    (tmp_path / "broken.json").write_text("{")
    assert main(["matrix", str(tmp_path / "broken.json"), "-o", str(tmp_path / "out")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
