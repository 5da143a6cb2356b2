"""What a job of GitHub Actions shows of reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports import writer
from reports.__main__ import main
from reports.github import SHOWN, annotated, command, markdown, outputs, worst
from reports.model import Report, Verdict
from tests.sample_report import DRAFT, ERROR, FAILED, MIXED, report_of, result

#: Ends a line, begins a command, and leaves a table, a list and a tag.
HOSTILE = "a\n::stop-commands::x\r::error::y%0A | <script>alert(1)</script> [x](javascript:y) `z` \x1b[31m**b**"


def test_each_cause_of_a_failed_run_is_an_annotation() -> None:
    """With the rule, the stores and the message; passed and known failures have none."""
    assert annotated([report_of(*MIXED)]) == [
        "::error title=PLACE-002 on s3::A prefix is a path segment: PLACE-002: expected a.bin",
        "::error title=PLACE-002 on azure-files::A prefix is a path segment: the same",
        "::error title=The suite or a server failed::ERR-001: moto died",
        "::error title=A known failure passed::PLACE-001: the case passed; remove it from the list of known failures"
        " (listed since 0.19)",
    ]
    assert annotated([report_of(result())]) == []


def test_what_ends_a_run_early_or_is_stale() -> None:
    (cut,) = annotated([report_of(result(), complete=False)])
    assert cut == "::error title=Cut off::the run did not finish; see the log of the job"
    (stale,) = annotated([replace(report_of(result()), stale=("ERR-001 on s3",))])
    assert "::no case matches ERR-001 on s3; remove them from the list" in stale


def test_a_job_shows_ten_errors() -> None:
    """The last of them counts the rest."""
    many = [result(FAILED, case=str(number), message=f"cause {number}") for number in range(SHOWN + 3)]
    shown = annotated([report_of(*many)])
    assert len(shown) == SHOWN
    assert shown[-1] == "::error title=More problems::4 more; the summary of the job has all of them"
    assert len(annotated([report_of(*many[:SHOWN])])) == SHOWN
    assert "More problems" not in annotated([report_of(*many[:SHOWN])])[-1]


def test_several_reports_name_their_release() -> None:
    old, new = (report_of(result(FAILED, message="m"), kserve=release) for release in ("0.20.0", "0.21.0"))
    titles = [line.partition("::The")[0] for line in annotated([old, new])]
    assert titles == [f"::error title=PLACE-001 on s3 (KServe {one})" for one in ("0.20.0", "0.21.0")]


def test_no_text_is_a_command() -> None:
    """The runner of GitHub obeys a line that begins with `::`."""
    line = command("error", f"{HOSTILE},file=x", HOSTILE)
    assert "\n" not in line
    assert "\r" not in line
    title = line.removeprefix("::error title=").partition("::")[0]
    assert ":" not in title
    assert "," not in title
    assert "%250A" in line


def test_the_summary_has_verdicts_and_failures() -> None:
    text = markdown(report_of(*MIXED))
    assert text.startswith("### Conformance of kserve 0.20.0: nonconformant\n")
    assert "| download/s3 | nonconformant | 1 | 1 | 1 | 0 |" in text
    assert "- **Unexpected failures**: 2 cases of PLACE-002 on azure-files and s3.\n" in text
    assert "| PLACE-002 A prefix is a path segment | s3 | PLACE-002&#58; expected a.bin |" in text
    assert "| rule |" not in markdown(report_of(result()))


def test_no_text_is_markdown_or_html() -> None:
    """Whatever the program under test prints, and whatever it is called."""
    subject = replace(DRAFT.initializer, name=HOSTILE)
    plain = report_of(result(FAILED, message="m"))
    text = markdown(report_of(result(FAILED, message=HOSTILE.replace("\n", " ")), initializer=subject))
    assert not set("<`\x1b\r").intersection(text)
    assert "](" not in text
    assert text.count("|") == markdown(plain).count("|")
    assert text.count("\n") == markdown(plain).count("\n")


@pytest.mark.parametrize(
    ("reports", "verdict"),
    [
        ([report_of(result())], Verdict.CONFORMANT),
        ([report_of(result()), report_of(result(FAILED, message="m"))], Verdict.NONCONFORMANT),
        ([report_of(result()), report_of()], Verdict.INCOMPLETE),
        ([report_of(result(ERROR, message="m"))], Verdict.INCOMPLETE),
    ],
)
def test_the_output_is_the_worst_verdict(reports: list[Report], verdict: Verdict) -> None:
    assert worst(reports) == verdict
    paths = [Path("a", "report.json"), Path("b", "report.json")]
    said = outputs(reports, paths)
    assert said == f"verdict={verdict}\nreport<<END_OF_PATHS\na/report.json\nb/report.json\nEND_OF_PATHS\n"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It appends, and its exit status does not depend on the verdict."""
    writer.write(report_of(*MIXED), tmp_path)
    summary, told = tmp_path / "summary", tmp_path / "outputs"
    summary.write_text("before\n")
    path = str(tmp_path / "report.json")
    assert main(["annotate", path, "--summary", str(summary), "--outputs", str(told)]) == 0
    assert capsys.readouterr().out.startswith("::error title=PLACE-002 on s3::")
    assert summary.read_text().startswith("before\n### Conformance of kserve 0.20.0")
    assert told.read_text().startswith("verdict=nonconformant\n")
    assert main(["annotate", str(tmp_path / "absent.json")]) == 2
