"""The first screen of a report: the table of stores by profiles, what is missing, and what needs attention."""

from __future__ import annotations

from typing import Any

import pytest

from reports import page
from reports.attention import points, scope
from reports.gaps import gaps
from reports.model import LeftOut, Level, Outcome, Report, Result, Selection, Verdict
from reports.overview import overview
from reports.table import table_lines
from tests.sample_report import ERROR, FAILED, FIXED, KNOWN, MIXED, NOT_RUN, UNSUPPORTED, report_of, result

REMEDY = "azurite does not run: install Node"
SANDBOX = "writes elsewhere are seen in a sandbox only: install bubblewrap"
GCS_LEFT_OUT = LeftOut("download/gcs", "PLACE-002", "gcs")
S3_LEFT_OUT = LeftOut("download/s3", "PLACE-002", "s3")


def of(profile: str, outcome: Outcome = Outcome.PASSED, store: str = "s3", **changes: Any) -> Result:  # noqa: ANN401
    """A result of a profile on a store; "" for none."""
    return result(outcome, store=store, profile=f"{profile}/{store}" if store else profile, **changes)


def _leads(report: Report) -> list[str]:
    return [point.lead for point in points(report, overview(report))]


def test_stores_by_profiles() -> None:
    """Profiles in their own order; a dash where the run has no case; a row of its own for what needs no store."""
    report = report_of(
        of("security"), of("download"), of("faults", store="azure-files"), of("flow", store=""), of("custom")
    )
    table = overview(report)
    assert table.families == ["download", "faults", "security", "flow", "custom"]
    assert [row.store for row in table.rows] == ["azure-files", "s3", ""]
    names = [[cell.profile if cell else "" for cell in row.cells] for row in table.rows]
    assert names == [
        ["", "faults/azure-files", "", "", ""],
        ["download/s3", "", "security/s3", "", "custom/s3"],
        ["", "", "", "flow", ""],
    ]
    assert "any store" in "\n".join(table_lines(table, colour=False, width=100))
    assert ">any store<" in page.page(report)


def test_what_needs_no_store_counts_in_every_row() -> None:
    """It has no row of its own then."""
    table = overview(report_of(result(), result(store="azure-files"), result(FAILED, store="")))
    assert [row.store for row in table.rows] == ["azure-files", "s3"]
    assert {cell.verdict for cell in table.cells} == {Verdict.NONCONFORMANT}
    assert all(cell.counts[FAILED] == 1 for cell in table.cells)


def test_a_store_without_a_downloader_has_a_row() -> None:
    """Without a verdict."""
    table = overview(report_of(result(), result(UNSUPPORTED, store="hf"), result(UNSUPPORTED, store="hf", case="b")))
    row = table.rows[0]
    assert (row.store, row.cells[0] and row.cells[0].verdict) == ("hf", None)
    assert "hf          unsupported\n            2 cases\ns3" in "\n".join(table_lines(table, colour=False, width=80))


def test_the_largest_cause_gives_the_remedy() -> None:
    """Of each incomplete profile, and of all of them together."""
    results = [result(), *(result(NOT_RUN, case=str(n), reason=SANDBOX) for n in range(2))]
    results += [result(NOT_RUN, case="c", reason=REMEDY), result(NOT_RUN, store="gcs", reason=SANDBOX)]
    results += [result(NOT_RUN, store="azure-blob", reason=REMEDY)]
    report = report_of(*results)
    found = gaps(report, "download/s3")
    assert [gap.sentence for gap in found] == [
        f"2 required cases did not run: {SANDBOX}",
        f"1 required case did not run: {REMEDY}",
    ]
    table = overview(report)
    assert [(note.number, note.gap.cause, note.profiles) for note in table.notes] == [
        (1, SANDBOX, ["download/gcs", "download/s3"]),
        (2, REMEDY, ["download/azure-blob"]),
    ]
    assert table.notes[0].gap.sentence == f"3 required cases did not run: {SANDBOX}"
    text = "\n".join(table_lines(table, colour=False, width=80))
    assert "INCOMPLETE [2]" in text
    assert f"[1] 3 required cases did not run: {SANDBOX}" in text.replace("\n    ", " ")
    (point,) = points(report, table)
    assert point.text == "3 of 3 verdicts, 2 of them mainly because of [1]"
    assert SANDBOX in point.detail
    assert f"{point.lead}</b></a>: {point.text}" in page.page(report)


def test_a_case_without_store_is_counted_once() -> None:
    """Though it is missing on every store."""
    report = report_of(result(), result(store="azure-files"), result(NOT_RUN, store="", reason=SANDBOX))
    (note,) = overview(report).notes
    assert note.gap.sentence == f"1 required case did not run: {SANDBOX}"
    assert len(note.profiles) == 2


@pytest.mark.parametrize(
    ("results", "changes", "cause"),
    [
        ([result(ERROR, reason="moto died")], {}, "1 required case met an error: moto died"),
        ([result(ERROR, message="\nmoto died\nat once")], {}, "1 required case met an error: moto died"),
        ([result()], {"complete": False}, "the run was cut off; run it again"),
        ([result()], {"selection": Selection(smoke=True)}, "the run left out cases; run without --smoke"),
        (
            [result()],
            {"selection": Selection(rules=("PLACE-001", "ERR-*"), pytest=("-k a",), left_out=(S3_LEFT_OUT,))},
            "the run left out 1 required pair of rule and store; run without --rule PLACE-001,ERR-* -k a",
        ),
        (
            [result()],
            {"selection": Selection(left_out=(S3_LEFT_OUT,))},
            "the run left out 1 required pair of rule and store; run the whole suite again",
        ),
        ([result(level=Level.SHOULD)], {}, "no MUST rule applies to this initializer"),
    ],
    ids=["error", "error without reason", "cut off", "smoke", "rule and -k", "lost in a crash", "nothing required"],
)
def test_what_an_incomplete_profile_lacks(results: list[Result], changes: dict[str, Any], cause: str) -> None:
    report = report_of(*results, **changes)
    assert report.profiles[0].verdict is Verdict.INCOMPLETE
    assert gaps(report, "download/s3")[0].sentence == cause


def test_a_long_command_line_is_shortened() -> None:
    selection = Selection(pytest=tuple(f"conformance/test_{n}.py" for n in range(100)), left_out=(S3_LEFT_OUT,))
    report = report_of(result(), selection=selection)
    (gap,), (point,) = gaps(report, "download/s3"), points(report, overview(report))
    for text in (gap.sentence.partition("; ")[2], point.text):
        assert len(text) < 180
        assert "conformance/test_0.py conformance/test_1.py" in text
        assert "..." in text


@pytest.mark.parametrize(
    ("selection", "complete", "leads", "whole"),
    [
        (Selection(), True, ["Nothing needs attention"], ""),
        (Selection(stores=("s3",), left_out=(GCS_LEFT_OUT,)), True, ["Nothing needs attention"], "--store s3"),
        (Selection(profiles=("download",)), True, ["Nothing needs attention"], "--profile download"),
        (Selection(rules=("PLACE-*",), left_out=(GCS_LEFT_OUT,)), True, ["Nothing needs attention"], "--rule PLACE-*"),
        (Selection(rules=("PLACE-001",), left_out=(S3_LEFT_OUT,)), True, ["Partial run"], ""),
        (Selection(pytest=("-k nested",), left_out=(S3_LEFT_OUT,)), True, ["Partial run"], ""),
        (Selection(smoke=True), True, ["Partial run"], ""),
        (Selection(left_out=(S3_LEFT_OUT,)), False, ["Cut off"], ""),
        (Selection(stores=("s3",), left_out=(S3_LEFT_OUT,)), False, ["Cut off"], "--store s3"),
        (Selection(smoke=True, left_out=(S3_LEFT_OUT,)), False, ["Cut off", "Partial run"], ""),
        (Selection(left_out=(S3_LEFT_OUT,)), True, ["Incomplete"], ""),
    ],
    ids=["whole", "another store", "a profile", "a rule of no other", "a rule", "-k", "smoke", "cut off",
         "a store, cut off", "smoke, cut off", "lost in a crash"],
)  # fmt: skip
def test_a_run_is_partial_where_the_user_left_out_a_part(
    selection: Selection, complete: bool, leads: list[str], whole: str
) -> None:
    """A part of a profile that has a verdict; whole stores and profiles that nobody asked for are no such part."""
    report = report_of(result(), selection=selection, complete=complete)
    assert _leads(report) == leads
    assert scope(report) == (f"Selected: {whole}. Other stores and profiles have no verdict." if whole else "")
    assert ("Selected:" in page.page(report)) is bool(whole)


def test_a_partial_run_names_what_a_whole_one_adds() -> None:
    selection = Selection(smoke=True, stores=("s3", "http"), cases_left_out=1214, rules_left_out=1)
    (point,) = points(report := report_of(result(), selection=selection), overview(report))
    assert point.text == "--store s3,http --smoke. A whole run adds 1214 cases of 1 rule."


def test_what_needs_attention() -> None:
    """Failures first, with what they are about; few names are given, many are counted."""
    report = report_of(*MIXED, stale=("PLACE-009 (s3)", "ERR-001"))
    found = {point.lead: point for point in points(report, overview(report))}
    assert list(found) == ["Unexpected failures", "Errors", "Known failures that passed", "Stale known failures"]
    assert found["Unexpected failures"].text == "2 cases of PLACE-002 on azure-files and s3."
    assert found["Errors"].text.startswith("1 case of ERR-001 on s3: the suite or a server failed")
    assert "PLACE-009 (s3), ERR-001" in found["Stale known failures"].text
    text = page.page(report)
    assert all(f"{point.lead}</b>" in text for point in found.values())
    many = report_of(*(result(FAILED, store=f"store-{n}") for n in range(5)), result(FIXED))
    assert points(many, overview(many))[0].text == "5 cases of PLACE-001 on 5 stores."


@pytest.mark.parametrize(("width", "blocks"), [(40, 4), (60, 2), (80, 1), (200, 1)])
def test_the_table_fits_the_terminal(width: int, blocks: int) -> None:
    """All four profiles beside each other on 80 columns; below each other where there is less room."""
    profiles = ("download", "faults", "throughput", "security")
    results = [of(profile, store=store) for profile in profiles for store in ("model-registry", "s3")]
    results += [of(profile, KNOWN, case=f"k-{n}") for profile in profiles for n in range(16)]
    results += [of("faults", NOT_RUN, case="n", reason=REMEDY), of("security", FAILED, case="f")]
    lines = list(table_lines(overview(report_of(*results)), colour=False, width=width))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert text.count("model-registry") == blocks
    for word in ("NONCONFORMANT", "INCOMPLETE [1]", "conformant*", "1 failed,", "16 known", "1 not run", *profiles):
        assert word in text


def test_columns_below_the_others_have_their_own_rows() -> None:
    """A store without a case of them does not stand there."""
    table = overview(report_of(of("download"), of("download", store="gcs"), of("flow", store="")))
    lines = list(table_lines(table, colour=False, width=30))
    assert [line.split() for line in lines if line] == [
        ["download"], ["gcs", "conformant"], ["1", "passed"], ["s3", "conformant"], ["emulator", "1", "passed"],
        ["flow"], ["any", "store", "conformant"], ["1", "passed"],
    ]  # fmt: skip
