"""Reports of older versions, as the suite wrote them then, stay readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports import reader, versions, writer
from reports.__main__ import main
from reports.model import API_VERSION, KIND, Outcome, Verdict, to_json
from tests.sample_report import MIXED, report_of

FOLDER = Path(__file__).with_name("old_reports")
#: Since v1alpha3 a run measures the CPU time of its parts.
MEASURED = {"v1alpha3"}
OLD = sorted(FOLDER.glob("*.json"))


def _data(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def test_there_is_a_report_of_every_older_version() -> None:
    written = {_data(path)["apiVersion"].rpartition("/")[2] for path in OLD}
    assert written == {"v1alpha1", "v1alpha2", "v1alpha3"}
    assert API_VERSION.endswith("/v1alpha4")


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_an_older_report_is_read(path: Path) -> None:
    """Whole and unedited, with its own results and verdicts; what it did not measure is 0."""
    report = reader.check(path)
    assert report.results == report_of(*MIXED).results
    assert {profile.verdict for profile in report.profiles} == {Verdict.NONCONFORMANT}
    assert report.metrics.wall_s == 60
    assert (report.metrics.cpu_s == 0) == (path.stem not in MEASURED)
    assert report.apiVersion == API_VERSION


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_the_commands_take_an_older_report(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer.write(report_of(*MIXED), tmp_path / "new")
    new = str(tmp_path / "new" / writer.REPORT)
    assert main(["check", str(path)]) == 0
    assert main(["compare", str(path), new]) == 0
    assert main(["compare", new, str(path)]) == 0
    assert capsys.readouterr().out.count("No case changed.") == 2
    assert main(["render", str(path), "-o", str(tmp_path / "page")]) == 0
    assert ("CPU</dt>" in (tmp_path / "page" / writer.PAGE).read_text()) == (path.stem in MEASURED)


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_an_older_report_that_was_edited_is_told(path: Path, tmp_path: Path) -> None:
    """Also where the edit is in what the present version does not have."""
    for name, value in (("wall_s", 1), ("efficiency", 0.99)):
        data = _data(path)
        data["metrics"][name] = value
        (tmp_path / "x.json").write_text(json.dumps(data))
        with pytest.raises(reader.CorruptReport, match="edited"):
            reader.load(tmp_path / "x.json")


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_the_journal_of_an_older_version_is_recovered(path: Path, tmp_path: Path) -> None:
    """Such as a run leaves that was killed before the suite was updated."""
    data = _data(path)
    draft = data | {"results": [], "profiles": [], "footer": {"complete": False, "results": 0, "digest": ""}}
    lines = [{"kind": KIND, "draft": draft}, *({"result": result} for result in data["results"])]
    (tmp_path / writer.JOURNAL).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["recover", str(tmp_path)]) == 0
    report = reader.load(tmp_path / writer.REPORT)
    assert len(report.results) == len(MIXED)
    assert not report.footer.complete


@pytest.mark.parametrize("part", ["metrics", "environment", "initializer", "selection", "results"])
def test_an_older_report_of_another_shape_is_told(part: str, tmp_path: Path) -> None:
    for data in (_data(OLD[0]) | {part: 1}, {name: value for name, value in _data(OLD[0]).items() if name != part}):
        (tmp_path / "x.json").write_text(json.dumps(data))
        with pytest.raises(reader.CorruptReport, match=part):
            reader.load(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("version", "status", "says"),
    [
        ("storage-initializer-conformance/v2", 2, "which this suite does not know: use a newer one\n"),
        ("v1", 1, "is no ConformanceReport"),
        (2, 1, "is no ConformanceReport"),
    ],
)
def test_another_version_is_told(
    version: object, status: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with the remedy where there is one."""
    (tmp_path / "x.json").write_text(json.dumps(_data(OLD[0]) | {"apiVersion": version}))
    assert main(["check", str(tmp_path / "x.json")]) == status
    told = capsys.readouterr().err
    assert says in told
    assert len(told.splitlines()) == 1


def test_a_present_report_stays_as_it_is() -> None:
    data = to_json(report_of(*MIXED))
    assert versions.upgraded(data) is data
    assert data["profiles"][0]["counts"][Outcome.PASSED] == 0
