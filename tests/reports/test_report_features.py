"""Optional features and claims in reports: what cases show, what claims need, and edits that are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports import reader, writer
from reports.claims import Claims, Feature, Observed
from reports.model import LeftOut, Outcome, Selection, digest
from reports.summary import summary
from tests.sample_report import FAILED, PASSED, report_of, result

ARCHIVES = Feature("archives", "It unpacks.", claimed=True, profiles=("download/s3",))


def test_a_claim_that_nothing_exercised_prevents_a_clean_verdict(tmp_path: Path) -> None:
    """Whatever else passed; the report gives the reason and the remedy."""
    report = writer.write(report_of(result(), features=(ARCHIVES,)), tmp_path)
    assert [profile.verdict for profile in report.profiles] == ["incomplete"]
    page = (tmp_path / writer.PAGE).read_text()
    assert "Claimed, never exercised" in page
    assert "no case exercised archives, which the claims list" in page
    partial = Selection(rules=("PLACE-001",), left_out=(LeftOut("download/s3", "PLACE-002", "s3"),))
    writer.write(report_of(result(), features=(ARCHIVES,), selection=partial), tmp_path)
    assert "Claimed, never exercised" not in (tmp_path / writer.PAGE).read_text()


def test_a_claim_counts_where_the_feature_has_cases() -> None:
    """Not in the profile of another store."""
    report = report_of(result(needs="archives"), result(store="local"), features=(ARCHIVES,))
    assert {profile.name: profile.verdict for profile in report.profiles} == {
        "download/local": "conformant",
        "download/s3": "conformant",
    }


@pytest.mark.parametrize(
    ("outcomes", "observed"),
    [
        ((PASSED, PASSED), Observed.WORKS),
        ((PASSED, FAILED), Observed.IN_PART),
        ((FAILED,), Observed.ABSENT),
        ((), Observed.NEVER),
    ],
)
def test_what_cases_show_of_a_feature(outcomes: Sequence[Outcome], observed: Observed) -> None:
    cases = [result(outcome, case=str(number), needs="archives") for number, outcome in enumerate(outcomes)]
    (feature,) = report_of(*cases, features=(ARCHIVES,)).features
    assert (feature.observed, feature.judged) == (observed, len(outcomes))


def _edited(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield a report with edited claims or features, and the complaint."""
    whole = report_of(
        result(needs="archives"), features=(ARCHIVES,), claims=Claims.of("c.yaml", "features: [archives]\n")
    )
    writer.write(whole, folder)
    text = (folder / writer.REPORT).read_text()
    for part, key, value, complaint in (
        ("claims", "content", "name: b\n", "the claims of c.yaml differ from their digest"),
        ("features", "observed", "does not work", "what was observed of archives does not follow"),
    ):
        data = json.loads(text)
        (data[part] if part == "claims" else data[part][0])[key] = value
        yield data, complaint


def test_edited_claims_and_features_are_told(tmp_path: Path) -> None:
    """Also where the digest of the whole report fits the edit."""
    for data, complaint in _edited(tmp_path):
        data["footer"]["digest"] = digest(data)
        (tmp_path / "edited.json").write_text(json.dumps(data))
        with pytest.raises(reader.CorruptReport, match=complaint):
            reader.check(tmp_path / "edited.json")


def test_the_terminal_shows_claims_beside_observations() -> None:
    """With a note where they differ."""
    idle = Feature("patterns", "It selects.", claimed=True, profiles=("download/s3",))
    works = Feature("tuning", "It waits.", profiles=("download/s3",))
    results = (result(needs="archives"), result(PASSED, case="b", needs="tuning"))
    report = report_of(*results, features=(ARCHIVES, idle, works), claims=Claims.of("c.yaml", "name: a\n"))
    text = "\n".join(summary(report, path=Path("report.html"), colour=False, width=120))
    assert "FEATURES: claimed by c.yaml, and observed" in text
    assert "archives  claimed      works, 1 of 1 cases passed\n" in text
    assert "patterns  claimed      never exercised  (run its cases, or drop the claim)" in text
    assert "tuning    not claimed  works, 1 of 1 cases passed  (you may claim it)" in text


def test_a_run_without_claims_lists_the_features_that_work() -> None:
    """For an initializer of one's own; KServe's claims nothing."""
    for name, shown in (("loader", True), ("kserve", False)):
        report = report_of(result(needs="archives"), features=(ARCHIVES,))
        report = replace(report, initializer=replace(report.initializer, name=name))
        text = " ".join(summary(report, path=Path("report.html"), colour=False, width=120))
        assert ("Features that work: archives; that do not, or only in part: none." in text) == shown
