"""A draft of known failures: one entry a cause, which the suite accepts once its owner has filled it in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from conformance.known_failures import KnownFailuresError, load
from conformance.spec import current
from reports.__main__ import main
from reports.draft import draft
from reports.model import Result
from reports.writer import write
from tests.sample_report import FAILED, report_of, result

TODAY = date(2027, 1, 1)
LATE = "ERR-001 SHOULD: ...\nproblem: the call did not end\n"
DIFFERS = "PLACE-002 MUST: ...\nproblem: the files below the destination differ:\n    - missing  'a.bin'\n"


def _entries(*results: Result) -> list[dict[str, object]]:
    return list(yaml.safe_load(draft(report_of(*results), TODAY))["entries"])


def test_stores_that_fail_alike_share_an_entry() -> None:
    """All cases of a rule fail in the same way on two stores."""
    failed = [result(FAILED, "PLACE-002", store, message=DIFFERS) for store in ("s3", "azure-files")]
    expected = {"rule": "PLACE-002", "stores": ["azure-files", "s3"], "reason": "", "reference": ""}
    assert _entries(*failed, result(rule="PLACE-002", store="local")) == [expected]


def test_an_entry_covers_no_case_that_passed() -> None:
    """One case of a test fails, and another test of the rule passes."""
    failed = result(FAILED, "PLACE-002", case="a[1]", message=DIFFERS)
    passed = [result(rule="PLACE-002", case="b"), result(rule="PLACE-002", test="test_b")]
    (entry,) = _entries(failed, *passed)
    assert (entry["tests"], entry["cases"]) == (["test_a"], ["a[[]1]"])


def test_two_causes_make_two_entries() -> None:
    """A rule fails for another reason on another store."""
    entries = _entries(
        result(FAILED, "PLACE-002", message=DIFFERS), result(FAILED, "PLACE-002", "azure-files", message=LATE)
    )
    assert sorted(str(entry["stores"]) for entry in entries) == ["['azure-files']", "['s3']"]


def test_a_core_rule_cannot_be_declared() -> None:
    """It becomes a comment, and the list stays valid YAML."""
    text = draft(report_of(result(FAILED, core=True, message=DIFFERS)), TODAY)
    assert "PLACE-001 is a core rule" in text
    assert yaml.safe_load(text)["entries"] == []


def test_the_suite_refuses_a_draft_and_takes_it_when_it_is_filled_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the draft of a report on disk."""
    write(report_of(result(FAILED, "PLACE-002", message=DIFFERS)), tmp_path)
    assert main(["known-failures", str(tmp_path / "report.json")]) == 0
    text = capsys.readouterr().out
    file = tmp_path / "known.yaml"
    file.write_text(text)
    with pytest.raises(KnownFailuresError, match="too short"):
        load(file, current(), None, program="kserve")
    filled = text.replace('reason: ""', "reason: it takes siblings")
    file.write_text(filled.replace('reference: ""', "reference: https://tracker.example/1"))
    (entry,) = load(file, current(), None, program="kserve")
    assert str(entry) == "PLACE-002 (s3)"
