"""A report for people and for CI: the page, the summary on the terminal, and JUnit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports import page
from reports.junit import document
from reports.model import LeftOut, Selection
from reports.redact import printable
from reports.summary import summary
from tests.sample_report import FAILED, FIXED, KNOWN, MIXED, parsed, report_of, result


def test_junit() -> None:
    root = parsed(document(report_of(*MIXED)))
    totals = {"tests": "8", "failures": "3", "errors": "1", "skipped": "3"}
    assert root.tag == "testsuites"
    assert totals.items() <= root.attrib.items()
    assert [suite.get("name") for suite in root] == ["azure-files", "local", "s3"]
    for name, total in totals.items():
        assert sum(int(suite.attrib[name]) for suite in root) == int(total)
    cases = {case.attrib["name"]: case for case in root.iter("testcase") if ".s3" in case.attrib["classname"]}
    assert {case.get("classname") for case in cases.values()} == {"kserve.s3.moto"}
    failure = cases["PLACE-002 test_a"].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert "+ model-2/b.bin" in failure.text
    skipped = cases["PLACE-001 test_a[empty]"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "known-failure: zero-byte files are dropped"
    assert cases["PLACE-001 test_a[deep]"].find("failure") is not None
    assert cases["ERR-001 test_a"].find("error") is not None
    properties = {
        p.get("name"): p.get("value") for p in root.iterfind("testsuite[@name='azure-files']/properties/property")
    }
    assert properties["server.files"] == "1 (stand-in)"
    assert properties["verdict.download/azure-files"] == "nonconformant"


def test_the_page_needs_nothing_from_outside() -> None:
    text = page.page(report_of(*MIXED))
    assert "<script" not in text
    assert "src=" not in text
    assert "default-src 'none'" in text
    assert "model-2/b.bin" in text
    assert 'href="evidence/tree.0badcafe.txt"' in text
    assert 'class="stand-in"' in text
    assert "no Node on this machine" in text
    assert all(symbol in text for symbol in page.SYMBOLS.values())


def test_the_page_escapes_what_it_did_not_write() -> None:
    evil = "<img onerror=x>"
    bad = result(FAILED, message=evil, case=evil, reference="javascript:alert(1)", reason=evil)
    text = page.page(report_of(bad, replace(bad, outcome=KNOWN, case="b")))
    assert evil not in text
    assert 'href="javascript' not in text


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = page.page(report_of(*MIXED, result(store="")))
    targets = {part.split('"')[0] for part in text.split('href="#')[1:]}
    ids = [part.split('"')[0] for part in text.split(' id="')[1:]]
    assert targets <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("colour", [False, True])
def test_summary(width: int, colour: bool) -> None:
    report = report_of(*MIXED, selection=Selection(stores=("s3", "azure-files"), smoke=True))
    lines = summary(report, path=Path("conformance-report/report.html"), colour=colour, width=width)
    text = "\n".join(lines)
    assert ("\x1b[" in text) is colour
    plain = [printable(line) for line in lines]
    assert max(map(len, plain)) <= width
    text = "\n".join(plain)
    order = ["NONCONFORMANT", "PARTIAL RUN: --smoke --store s3 --store azure-files", "UNEXPECTED FAILURES: 2",
             "reproduce: pytest conformance -k place", "also on", "FIXED", "ERRORS", "NOT RUN",
             "Known failures: 1", "70%", "Report: conformance-report/report.html"]  # fmt: skip
    assert order == sorted(order, key=text.index)
    assert [text.count(word) for word in ("Known failures:", "PLACE-002  A prefix")] == [1, 1]
    assert "[files, stand-in]" in text
    assert ("[moto, emulator]" if width > 80 else "[emulator]") in text


@pytest.mark.parametrize(
    ("selection", "complete", "said"),
    [
        (Selection(stores=("s3",), left_out=(LeftOut("download/gcs", "PLACE-002", "gcs"),)), True, False),
        (Selection(rules=("PLACE-001",), left_out=(LeftOut("download/s3", "PLACE-002", "s3"),)), True, True),
        (Selection(smoke=True), True, True),
        (Selection(left_out=(LeftOut("download/s3", "PLACE-002", "s3"),)), False, False),
    ],
    ids=["another profile", "of this profile", "smoke", "cut off"],
)
def test_a_selection_is_blamed_where_it_cost_a_verdict(selection: Selection, complete: bool, said: bool) -> None:
    report = report_of(result(), selection=selection, complete=complete)
    text = "\n".join(summary(report, path=Path("r"), colour=False, width=120))
    assert "PARTIAL RUN" in text
    assert ("run without a selection for a verdict" in text) is said
    assert ("What was left out is not conformant" in page.page(report)) is said


def test_summary_of_a_clean_run_is_short() -> None:
    lines = summary(report_of(result(), result(KNOWN, case="b")), path=Path("r"), colour=False, width=80)
    assert lines[1] == "  download/s3  CONFORMANT with 1 known failure  1 passed  [moto, emulator]"
    assert len(lines) <= 7


def test_summary_drops_no_count() -> None:
    """What does not fit beside the verdict stands below it."""
    known = [result(KNOWN, case=str(n)) for n in range(16)]
    passed = [result(case=f"kept-{n}") for n in range(73)]
    report = report_of(*known, *passed, result(FIXED, case="deep"))
    lines = summary(report, path=Path("r"), colour=False, width=72)
    assert lines[1:3] == [
        "  download/s3  CONFORMANT with 16 known failures",
        "               1 fixed, 73 passed  [emulator]",
    ]


def test_summary_of_nothing() -> None:
    assert any("nothing was judged" in line for line in summary(report_of(), path=Path("r"), colour=False, width=80))
