"""The pages made of the spec: up to date, complete, and strict about what does not fit together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from conformance import spec
from tools import links, pages
from tools.coverage_page import Coverage
from tools.field_reports import FieldReports, PagesError
from tools.pages import Pages
from tools.spec_pages import read_tests

RULE: dict[str, object] = {
    "id": "ERR-001",
    "title": "A title",
    "statement": "A sentence that says what must hold.",
    "level": "MUST",
    "stores": ["s3"],
    "references": ["A01", "#7"],
    "cause": "not-found",
    "messages": [{"text": "two\nlines", "kserve": ">=0.17"}],
}
PARTS = {"faults": "Stores that stall"}


def _pages(folder: Path, reports: dict[str, dict[str, str]], rule: dict[str, object] = RULE) -> Pages:
    """Pages of one rule and one group of reports."""
    head = {
        "version": "1.0",
        "stores": {"s3": []},
        "groups": {},
        "causes": {"not-found": ["no such", "missing"]},
        "exclusive": {"disk": ["full"]},
    }
    (folder / "spec.yaml").write_text(yaml.safe_dump(head))
    (folder / "errors.yaml").write_text(yaml.safe_dump({"area": "ERR", "title": "Errors", "rules": [rule]}))
    (folder / "reports").write_text(yaml.safe_dump({"parts": PARTS, "groups": [{"title": "A", "reports": reports}]}))
    (folder / "known").write_text("{initializer: kserve, entries: []}")
    tests = {"ERR-001": ["test_errors.py::test_it"]}
    return Pages(spec.load(folder), tests, FieldReports.load(folder / "reports"), folder / "known")


def test_the_committed_pages_are_up_to_date() -> None:
    """Whoever changes a rule or a test runs `python -m tools.pages`."""
    assert pages.main(["--check"]) == 0


def test_every_field_report_is_accounted_for() -> None:
    """No id of the series is left out, and each is covered by a rule or belongs to a later part."""
    series = {"S1.": 11, "S2.": 10, "S3.": 12, "S4.": 8, "S5.": 12, "P": 13, "MR": 20, "K": 11}
    numbered = {"A": 19, "B": 56, "D": 13, "X": 20}
    expected = {f"{name}{n}" for name, last in series.items() for n in range(1, last + 1)}
    expected |= {f"{name}{n:02}" for name, last in numbered.items() for n in range(1, last + 1)}
    expected |= {f"C{n}" for n in range(1, 17)}
    assert {report.id for report in FieldReports.load()} == expected


def test_every_rule_of_the_spec_has_a_test() -> None:
    assert read_tests(pages.TESTS).keys() == spec.current().rules.keys()


def test_out_of_date_pages_are_told_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` writes nothing."""
    assert pages.main(["--check", "--out", str(tmp_path)]) == 1
    assert "coverage.md is out of date" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert pages.main(["--out", str(tmp_path)]) == 0
    assert pages.main(["--check", "--out", str(tmp_path)]) == 0


def test_the_page_of_an_area_that_is_gone_is_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would stay in the site, with rules that nothing checks."""
    assert pages.main(["--out", str(tmp_path)]) == 0
    (tmp_path / "spec" / "gone.md").touch()
    assert pages.main(["--check", "--out", str(tmp_path)]) == 1
    assert "spec/gone.md is out of date" in capsys.readouterr().out
    assert pages.main(["--out", str(tmp_path)]) == 0
    assert not (tmp_path / "spec" / "gone.md").exists()


def test_a_rule_is_shown_with_everything_that_it_says(tmp_path: Path) -> None:
    """The sentence, where it holds, the exact words, the references as links, the test."""
    files = _pages(tmp_path, {"A01": {"says": "Nothing arrives"}}).files()
    text = files["spec/err.md"]
    assert "\n## ERR-001\n" in text
    assert "**MUST: A title.** A sentence that says what must hold." in text
    assert "        two\n        lines" in text
    assert "[A01](../coverage.md#a01), [#7](https://github.com/kserve/kserve/issues/7)" in text
    assert "`test_errors.py::test_it`" in text
    assert "The error names this cause, in any words: [not-found](index.md#cause-not-found)" in text


def test_the_index_has_areas_groups_and_causes(tmp_path: Path) -> None:
    """What all areas share stands on one page."""
    text = _pages(tmp_path, {"A01": {"says": "Nothing arrives"}}).files()["spec/index.md"]
    assert "| [ERR](err.md) | Errors | download | 1 | 1 |" in text
    assert "| `all` | Every store. | s3 |" in text
    assert "### Cause: not-found\n\n- `no such`\n- `missing`\n" in text
    assert "- disk: `full`" in text


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("B36", "[B36](coverage.md#b36)"),
        (
            "field report A05",
            "[field report A05](coverage.md#a05) ([kserve/kserve#440](https://github.com/kserve/kserve/issues/440))",
        ),
        ("kserve#3501", "[kserve#3501](https://github.com/kserve/kserve/issues/3501)"),
        ("cpython#96062", "[cpython#96062](https://github.com/python/cpython/issues/96062)"),
        ("CVE-2025-4517", "[CVE-2025-4517](https://www.cve.org/CVERecord?id=CVE-2025-4517)"),
        ("first seen by this suite", "first seen by this suite"),
    ],
)
def test_a_reference_leads_to_the_issue_behind_it(text: str, link: str) -> None:
    """A report whose issue is not known leads to its row of coverage.md; what is not public stays text."""
    assert links.reference(text, {"B36": "", "A05": "kserve/kserve#440"}) == link


KNOWN = """
initializer: kserve
expires: {tomorrow}
entries:
  - rule: ERR-001
    kserve: ">=0.13,<0.15"
    cases: [a]
    reason: It is one thing.
    reference: https://issues.example/1
    fixed: "0.15"
  - rule: ERR-001
    reason: It is another thing.
    reference: https://issues.example/2
"""


def test_an_entry_is_shown_once_with_its_releases(tmp_path: Path) -> None:
    """Sorted by the first release that it is about; the table of releases counts it for each."""
    made = _pages(tmp_path, {"A01": {"says": "Nothing arrives"}})
    (tmp_path / "known").write_text(KNOWN.replace("{tomorrow}", f"{datetime.now(UTC).date() + timedelta(days=1)}"))
    text = made.files()["known-failures-kserve.md"]
    link = "[ERR-001](spec/err.md#err-001)"
    first = f'| <a id="err-001"></a>{link} | all | all |  | It is another thing. | https://issues.example/2 |  |'
    second = f"| {link} | all | 0.13.1 to 0.14.1 | cases `a` | It is one thing. | https://issues.example/1 | 0.15 |"
    assert f"{first}\n{second}\n" in text
    assert "| 0.14.1 | 2 | 1 | 1 | 0 | a whole run |" in text
    assert "| 0.15.2 | 1 | 1 | 1 | 0 | a whole run |" in text


def test_the_state_of_a_report(tmp_path: Path) -> None:
    """Covered, covered in part, or left to a later part; the counts at the top say the same."""
    made = _pages(
        tmp_path,
        {
            "A01": {"says": "Nothing arrives"},
            "A02": {"says": "It stalls", "later": "faults"},
            "A03": {"says": "Half arrives", "later": "faults", "rest": "the other half"},
        },
        RULE | {"references": ["A01", "A03"]},
    )
    coverage = Coverage(made.spec, made.reports)
    assert [coverage.state(report) for report in coverage.reports] == ["covered", "later", "in part"]
    text = made.files()["coverage.md"]
    assert "Of 3 reports, the rules of spec 1.0 cover **1**" in text
    assert "| faults: Stores that stall | 2 | 1 |" in text
    assert "faults: the other half |" in text


@pytest.mark.parametrize(
    ("reports", "complaint"),
    [
        ({}, "ERR-001 refers to A01"),
        ({"A01": {"says": "x"}, "A02": {"says": "x"}}, "A02: no rule refers to it"),
        ({"A01": {"says": "x", "later": "faults"}}, "A01: covered by ERR-001"),
        ({"A01": {"says": "x", "later": "weather"}}, "unknown: A01"),
        ({"A01": {"says": "x", "issue": "#7"}}, "an issue is owner/name#number: A01"),
        ({"A01": {"says": "x"}, "A02": {"says": "x", "later": "faults", "rest": "y"}}, "A02: has a `rest`"),
    ],
    ids=["unknown", "forgotten", "contradiction", "part", "issue", "rest"],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, reports: dict[str, dict[str, str]], complaint: str
) -> None:
    with pytest.raises(PagesError, match=complaint):
        _pages(tmp_path, reports).files()


def test_a_report_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    """In two groups; within one, YAML itself keeps the last."""
    group = {"title": "A", "reports": {"A01": {"says": "x", "later": "faults"}}}
    (tmp_path / "reports").write_text(yaml.safe_dump({"parts": PARTS, "groups": [group, group | {"title": "B"}]}))
    with pytest.raises(PagesError, match="used twice: A01"):
        FieldReports.load(tmp_path / "reports")


def test_a_test_of_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    made = _pages(tmp_path, {"A01": {"says": "x"}})
    with pytest.raises(PagesError, match="ERR-999"):
        Pages(made.spec, {"ERR-999": ["test_errors.py::test_it"]}, made.reports).files()
