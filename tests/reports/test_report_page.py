"""A report for people and for CI: the page, the summary on the terminal, and JUnit."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from reports import page
from reports.junit import document
from reports.metrics import Metrics
from reports.model import Cluster, Report, Selection
from reports.redact import printable
from reports.summary import summary
from tests.sample_report import DRAFT, FAILED, KNOWN, MIXED, parsed, report_of, result


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


def test_the_deployment_mode() -> None:
    """The default mode is beside the cluster, and that of a case's service beside the case."""
    cluster = Cluster("kind", "v1.34.4", "assembled", "no registry", "manifests", deployment_mode="Standard")
    cases = [result(case="served", deployment_mode="RawDeployment"), result(case="alone")]
    report = report_of(*cases, environment=replace(DRAFT.environment, cluster=cluster))
    text, root = page.page(report), parsed(document(report))
    assert "by manifests, default deployment mode Standard<" in text
    assert text.count("mode RawDeployment<") == 1
    properties = [(one.get("name"), one.get("value")) for one in root.iter("property")]
    assert properties.count(("kserve.deployment_mode", "Standard")) == 1
    assert properties.count(("deployment_mode", "RawDeployment")) == 1


def test_the_page_needs_nothing_from_outside() -> None:
    text = page.page(report_of(*MIXED))
    assert "src=" not in text
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    assert f'content="{policy}; ' in html.unescape(text)
    assert "model-2/b.bin" in text
    assert 'href="evidence/tree.0badcafe.txt"' in text
    assert 'class="stand-in"' in text
    assert "no Node on this machine" in text
    assert all(symbol in text for symbol in page.SYMBOLS.values())


def test_the_first_screen_has_a_row_for_each_store() -> None:
    """Verdict and counts in each cell, in words and with a symbol, and a link to more."""
    text = page.page(report_of(*MIXED))
    first = text[text.index('<table class="overview"') : text.index("Rules by store")]
    assert re.findall(r'<th scope="row">([a-z0-9-]+)', first) == ["azure-files", "local", "s3"]
    cell = first[first.index('href="#download/s3"') :]
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell[: cell.index("</td>")].partition(">")[2]))
    counts = "✗ 1 failed ! 1 error ★ 1 fixed △ 1 known ✓ 1 passed MUST 2/4"
    assert shown.replace("\u00ad", "").strip() == f"✗ nonconformant {counts}"
    assert 'href="#unsupported"' in first


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
    order = ["UNEXPECTED FAILURES: 2", "reproduce: pytest conformance -k place", "also on", "FIXED", "ERRORS",
             "NOT RUN", "kserve 0.20.0 by spec 1.0.0", "NONCONFORMANT", "UNEXPECTED FAILURES: 2 cases of PLACE-002",
             "PARTIAL RUN: --store s3,azure-files --smoke", "Known failures: 1", "Time: 60 s with 2 workers",
             "70% utilisation", "Report: conformance-report/report.html"]  # fmt: skip
    assert order == sorted(order, key=text.index)
    assert [text.count(word) for word in ("Known failures:", "PLACE-002  A prefix")] == [1, 1]
    assert re.search(r"^azure-files +NONCONFORMANT\n  stand-in +1 failed", text, re.M)


def test_the_cost_of_a_run() -> None:
    """What it took beside the least that it could take, and whose computing it was."""
    text = " ".join(" ".join(_summary(report_of(result()))).split())
    assert "CPU: 84 s on 2 cores, 70% utilisation; bound 42 s (longest case 21 s)" in text
    assert "setup 2 s, initializer 66 s, reference clients 4 s, servers 5 s, harness 7 s (11% of it)" in text
    assert "CPU:" not in " ".join(_summary(replace(report_of(result()), metrics=Metrics(wall_s=60))))


def test_a_clean_run() -> None:
    """The table, that nothing is to be done, and what the run cost."""
    lines = _summary(report_of(result(), result(KNOWN, case="b")))
    assert lines[:7] == [
        "kserve 0.20.0 by spec 1.0.0 and the rules of KServe 0.20.0",
        "",
        "            download",
        "s3          conformant*",
        "  emulator  1 known of 2; MUST 1/2",
        "* conformant-with-known-failures: each failure is listed with its reason",
        "",
    ]
    assert lines[7].startswith("NOTHING NEEDS ATTENTION: every case that ran passed")


def test_what_the_report_cannot_have_is_told_too() -> None:
    """Such as a credential in its own files."""
    lines = summary(report_of(result()), path=Path("r"), colour=False, width=80, alarms=["LEAK junit.xml"])
    assert "LEAK junit.xml" in lines
    assert "NOTHING NEEDS ATTENTION" not in "\n".join(lines)


@pytest.mark.parametrize("isolation", ["none", "bubblewrap"])
def test_a_run_without_isolation_is_told(isolation: str) -> None:
    who = replace(DRAFT.initializer, isolation=isolation, python="3.11.9")
    report = report_of(result(), initializer=who)
    told = "The suite cannot detect writes outside the initializer"
    assert any(told in line for line in _summary(report)) is (isolation == "none")
    text = page.page(report)
    assert (told in text) is (isolation == "none")
    assert f"<dt>Isolation</dt><dd>{isolation}</dd>" in text
    assert "<dd>3.11.9</dd>" in text


def test_summary_of_nothing() -> None:
    assert any("the run judged no case" in line for line in _summary(report_of()))
    assert "the run judged no case" in page.page(report_of())


def _summary(report: Report) -> list[str]:
    return summary(report, path=Path("r"), colour=False, width=80)
