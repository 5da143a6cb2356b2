"""What `--explore` found in a report: in a section of its own, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports import reader, writer
from reports.exploration import Exploration, Finding
from reports.model import Report, seal, to_json
from reports.page import page
from reports.summary import summary
from tests.sample_report import DRAFT, MIXED, report_of, result

FINDING = Finding(
    rule="PLACE-013",
    feature="space",
    problem="exit code 0, but /mnt/models differs:\n  - missing 'a b'",
    example="the folder 'model'; with 'a b' (1 bytes)",
    call="call: s3://case/model -> /mnt/models",
    repeated=False,
    reproduce="pytest conformance/explore --explore=3",
    evidence=("evidence/folders.0badcafe.txt",),
)
EXPLORED = (
    Exploration("folders", "PLACE-001", "s3", "moto", 7, cases=12, calls=30, rejected=2, findings=(FINDING,)),
    Exploration("pairs", "CONTRACT-002", "local", "", 7, left_out=("PLACE-010: a known failure",), reason="no server"),
)


def _explored() -> Report:
    return report_of(*MIXED, explored=EXPLORED)


def test_nothing_but_the_section_changes(tmp_path: Path) -> None:
    without, explored = report_of(*MIXED), _explored()
    assert to_json(explored)["profiles"] == to_json(without)["profiles"]
    assert "explored" not in to_json(without)
    written = writer.write(explored, tmp_path)
    assert reader.check(tmp_path / writer.REPORT) == written
    assert written.explored == EXPLORED
    assert "folders" not in (tmp_path / writer.JUNIT).read_text()


def test_the_terminal_has_the_finding() -> None:
    text = "\n".join(summary(_explored(), path=Path("report.html"), colour=False, width=200))
    assert "Explored: 12 cases, 1 finding, seed 7; no verdict counts them" in text
    assert "PLACE-013 space: folders on s3, only once" in text
    assert f"repeat: {FINDING.reproduce}" in text
    assert "pairs on local, 0 cases: no server" in text
    assert "xplored" not in "\n".join(summary(report_of(*MIXED), path=Path(), colour=False, width=200))


def test_the_page_has_the_finding() -> None:
    text = page(_explored())
    for part in ('id="explored"', "PLACE-013 space", "2 examples that the store cannot hold", FINDING.evidence[0]):
        assert part in text
    assert 'id="explored"' not in page(report_of(*MIXED))


def test_a_killed_run_keeps_it(tmp_path: Path) -> None:
    writer.prepare(tmp_path)
    journal = writer.Journal(tmp_path)
    journal.begin(DRAFT)
    journal.add(result())
    journal.explored(EXPLORED[0])
    journal.close()
    assert writer.recover(tmp_path).explored == EXPLORED[:1]


def test_an_edited_section_is_noticed() -> None:
    sealed = seal(_explored())
    assert seal(replace(sealed, explored=EXPLORED[1:])).footer.digest != sealed.footer.digest
