"""The report: what it says, that it says it in every form, and that nobody can cut it off or edit it unseen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports import compare, page, reader, verdict, writer
from reports.__main__ import main
from reports.junit import document
from reports.model import (
    Cluster,
    Environment,
    Footer,
    Initializer,
    LeftOut,
    Level,
    Metrics,
    Outcome,
    Profile,
    Report,
    Result,
    Rule,
    Selection,
    Server,
    Spec,
    Suite,
    Verdict,
    from_json,
    to_json,
)
from reports.redact import printable, redact
from reports.summary import summary

PASSED, FAILED, KNOWN, FIXED = Outcome.PASSED, Outcome.FAILED, Outcome.KNOWN_FAILURE, Outcome.FIXED
UNSUPPORTED, NOT_RUN, ERROR = Outcome.UNSUPPORTED, Outcome.NOT_RUN, Outcome.ERROR

RULES = (
    Rule("PLACE-001", "The tree lands unchanged", "Every object is placed at its relative path.", Level.MUST, "PLACE"),
    Rule("PLACE-002", "A prefix is a path segment", "`model` never fetches `model-2/`.", Level.MUST, "PLACE"),
    Rule("ERR-001", "A missing bucket is named", "The message names the bucket.", Level.SHOULD, "ERR"),
)
DRAFT = Report(
    Suite("storage-initializer-conformance", "0.1.0"),
    Spec("1.0.0", "sha256:" + "0" * 64),
    Initializer("kserve:0.20.0", "kserve", "0.20.0", "sha256:" + "1" * 64, "process", "bubblewrap"),
    "0.20.0",
    Environment(
        "Linux-6.1-x86_64",
        "3.11.7",
        2,
        "embedded",
        "2026-01-31T12:00:00Z",
        (Server("moto", "5.2.5", "emulator", "s3"), Server("files", "1", "stand-in", "azure-files")),
    ),
    Selection(),
    RULES,
)
METRICS = Metrics.measured(
    wall_s=60, initializer_wall_s=84, workers=2, setup_s=11.5, calls=40, peak_memory_bytes=90 << 20
)


def result(outcome: Outcome = PASSED, rule: str = "PLACE-001", store: str = "s3", **changes: Any) -> Result:  # noqa: ANN401
    """A result of a rule of the sample report."""
    level = next(r.level for r in RULES if r.id == rule)
    server = {"s3": "moto", "azure-files": "files"}.get(store, "")
    base = Result(rule, level, f"download/{store}" if store else "download", "test_a", "", store, server, "process",
                  outcome, 0.25)  # fmt: skip
    return replace(base, **changes)


def report_of(*results: Result, complete: bool = True, **changes: Any) -> Report:  # noqa: ANN401
    """A finished report of the results."""
    return verdict.finish(replace(DRAFT, **changes), results, METRICS, complete=complete)


MIXED = (
    result(case="nested"),
    result(
        FAILED,
        "PLACE-002",
        message="PLACE-002: expected a.bin\n- a.bin\n+ model-2/b.bin",
        reproduce="pytest conformance -k place",
        evidence=("evidence/tree.0badcafe.txt",),
    ),
    result(FAILED, "PLACE-002", "azure-files", message="the same", reproduce="pytest conformance -k place"),
    result(
        KNOWN, case="empty", reason="zero-byte files are dropped", reference="https://github.com/kserve/kserve/issues/1"
    ),
    result(FIXED, case="deep", reason="listed since 0.19"),
    result(NOT_RUN, store="azure-files", reason="no Node on this machine"),
    result(UNSUPPORTED, store="local", reason="no local paths"),
    result(ERROR, "ERR-001", message="moto died"),
)


@pytest.mark.parametrize(
    ("outcomes", "level", "partial", "expected"),
    [
        ([PASSED], Level.MUST, False, Verdict.CONFORMANT),
        ([PASSED, FIXED], Level.MUST, False, Verdict.CONFORMANT),
        ([PASSED, UNSUPPORTED], Level.MUST, False, Verdict.CONFORMANT),
        ([PASSED, KNOWN], Level.MUST, False, Verdict.KNOWN_FAILURES),
        ([KNOWN], Level.MUST, False, Verdict.KNOWN_FAILURES),
        ([PASSED, FAILED], Level.MUST, False, Verdict.NONCONFORMANT),
        ([FAILED, ERROR], Level.MUST, True, Verdict.NONCONFORMANT),
        ([PASSED, ERROR], Level.MUST, False, Verdict.INCOMPLETE),
        ([KNOWN, NOT_RUN], Level.MUST, False, Verdict.INCOMPLETE),
        ([PASSED], Level.MUST, True, Verdict.INCOMPLETE),
        ([KNOWN], Level.MUST, True, Verdict.INCOMPLETE),
        ([UNSUPPORTED], Level.MUST, False, Verdict.INCOMPLETE),
        ([PASSED], Level.SHOULD, False, Verdict.INCOMPLETE),
        ([], Level.MUST, False, Verdict.INCOMPLETE),
    ],
)
def test_verdict(outcomes: list[Outcome], level: Level, partial: bool, expected: Verdict) -> None:
    assert verdict.verdict([result(outcome, level=level) for outcome in outcomes], partial=partial) is expected


@pytest.mark.parametrize(("level", "outcome"), list(product([Level.SHOULD, Level.MAY], Outcome)))
def test_only_must_rules_decide(level: Level, outcome: Outcome) -> None:
    """Whatever becomes of a SHOULD or a MAY is counted, and changes nothing."""
    (profile,) = verdict.profiles([result(), result(outcome, level=level)], Selection(), complete=True)
    assert profile.verdict is Verdict.CONFORMANT
    assert profile.counts[outcome] == (2 if outcome is PASSED else 1)


@pytest.mark.parametrize(
    ("selection", "complete"),
    [
        (Selection(smoke=True), True),
        (Selection(left_out=(LeftOut("download/s3", "PLACE-002", "s3"),)), True),
        (Selection(left_out=(LeftOut("download", "ERR-001", ""),)), True),
        (Selection(), False),
    ],
    ids=["smoke", "left out", "left out of every store", "cut off"],
)
def test_what_was_not_asked_is_never_conformant(selection: Selection, complete: bool) -> None:
    (profile,) = verdict.profiles([result()], selection, complete=complete)
    assert profile.verdict is Verdict.INCOMPLETE


def test_another_store_left_out_changes_nothing() -> None:
    selection = Selection(stores=("s3",), left_out=(LeftOut("download/gcs", "PLACE-002", "gcs"),))
    assert verdict.profiles([result()], selection, complete=True)[0].verdict is Verdict.CONFORMANT


def test_a_profile_of_unsupported_results_gets_no_verdict() -> None:
    assert verdict.profiles([result(UNSUPPORTED)], Selection(), complete=True) == ()


def test_a_result_without_store_counts_in_every_store() -> None:
    """A vendor who breaks the contract breaks it for each store that is claimed."""
    results = [result(), result(store="azure-files"), result(FAILED, store="")]
    found = {p.name: p.verdict for p in verdict.profiles(results, Selection(), complete=True)}
    assert found == {"download/s3": Verdict.NONCONFORMANT, "download/azure-files": Verdict.NONCONFORMANT}
    assert [p.name for p in verdict.profiles([result(store="")], Selection(), complete=True)] == ["download"]


def test_efficiency() -> None:
    assert METRICS.efficiency == 0.7
    nothing = Metrics.measured(wall_s=0, initializer_wall_s=0, workers=0, setup_s=0, calls=0, peak_memory_bytes=0)
    assert (nothing.efficiency, nothing.workers) == (0, 1)


def test_the_schema_is_one_and_closed() -> None:
    """It is valid itself, allows nothing beyond what it names, and names exactly what the model has."""
    jsonschema.Draft202012Validator.check_schema(reader.SCHEMA)
    objects = list(_objects(reader.SCHEMA))
    assert all(o["additionalProperties"] is False and o["required"] == list(o["properties"]) for o in objects)
    shapes = {frozenset(o["properties"]) for o in objects}
    models = (
        Suite,
        Spec,
        Initializer,
        Server,
        Cluster,
        Environment,
        LeftOut,
        Selection,
        Rule,
        Result,
        Profile,
        Metrics,
        Footer,
        Report,
    )
    assert {frozenset(f.name for f in fields(model)) for model in models} <= shapes
    assert reader.SCHEMA["$defs"]["result"]["properties"]["outcome"]["enum"] == list(Outcome)


def _objects(schema: object) -> Iterable[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _objects(part)


def test_written_and_read_back(tmp_path: Path) -> None:
    writer.prepare(tmp_path)
    written = writer.write(report_of(*MIXED), tmp_path)
    assert reader.load(tmp_path / writer.REPORT) == reader.check(tmp_path / writer.REPORT) == written
    assert {path.name for path in tmp_path.iterdir()} == {writer.REPORT, writer.JUNIT, writer.PAGE}
    assert [rule.id for rule in written.rules] == ["PLACE-001", "PLACE-002", "ERR-001"]
    assert (tmp_path / writer.REPORT).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda data: data["results"][0].update(outcome="passed"), "edited"),
        (lambda data: data["profiles"][0].update(verdict="conformant"), "edited"),
        (lambda data: data["selection"].update(smoke=True), "edited"),
        (lambda data: data["results"].pop(), "results"),
        (lambda data: data.pop("footer"), "footer"),
        (lambda data: data.update(kind="Pod"), "ConformanceReport"),
        (lambda data: data["results"][0].update(extra=1), "extra"),
        (lambda data: data["results"][0].update(evidence=["../../etc/passwd"]), "evidence"),
        (lambda data: data["environment"].update(started="yesterday"), "started"),
    ],
)
def test_an_edited_report_is_told(
    edit: Callable[[dict[str, Any]], object], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = to_json(writer.write(report_of(*MIXED), tmp_path))
    edit(data)
    (tmp_path / writer.REPORT).write_text(json.dumps(data))
    assert main(["check", str(tmp_path / writer.REPORT)]) == 1
    assert says in capsys.readouterr().err


def test_a_verdict_that_does_not_follow_is_told(tmp_path: Path) -> None:
    """Even where the digest was made anew."""
    forged = replace(report_of(*MIXED), profiles=report_of(result()).profiles)
    writer.write(forged, tmp_path)
    with pytest.raises(reader.CorruptReport, match="download/azure-files is said to be absent"):
        reader.check(tmp_path / writer.REPORT)


def test_a_case_given_twice_is_told(tmp_path: Path) -> None:
    writer.write(report_of(result(), result()), tmp_path)
    with pytest.raises(reader.CorruptReport, match="twice"):
        reader.check(tmp_path / writer.REPORT)


@pytest.mark.parametrize(
    ("content", "status"), [(None, 2), (b"\xff\xfe", 2), (b"", 1), (b"{", 1), (b"[]", 1), (b"null", 1)]
)
def test_no_report(content: bytes | None, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["check", str(path)]) == status
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_cut_off_file_is_told(tmp_path: Path) -> None:
    writer.write(report_of(*MIXED), tmp_path)
    whole = (tmp_path / writer.REPORT).read_bytes()
    (tmp_path / writer.REPORT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(reader.CorruptReport, match="cut off"):
        reader.load(tmp_path / writer.REPORT)


def test_a_killed_run_keeps_its_results(tmp_path: Path) -> None:
    """Two processes journal; one is killed in the middle of a line; the report says that it was cut off."""
    program = (
        "import json, os, signal, sys\n"
        "from pathlib import Path\n"
        "from reports.model import Report, Result, from_json\n"
        "from reports.writer import Journal\n"
        "directory, draft, results = Path(sys.argv[1]), *map(json.loads, sys.argv[2:])\n"
        "journal = Journal(directory)\n"
        "journal.begin(from_json(Report, draft))\n"
        "[journal.add(from_json(Result, r)) for r in results]\n"
        'journal._file.write(\'{"result": {"ru\'); journal._file.flush()\n'
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    writer.prepare(tmp_path)
    argv = [json.dumps(to_json(DRAFT)), json.dumps([to_json(r) for r in MIXED])]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), *argv], cwd=Path(__file__).parents[1], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    worker = writer.Journal(tmp_path, "gw0")
    worker.add(MIXED[0])
    worker.add(result(case="of the worker"))
    worker.close()

    report = writer.recover(tmp_path)
    assert len(report.results) == len(MIXED) + 1
    assert not report.footer.complete
    assert {p.verdict for p in report.profiles} == {Verdict.NONCONFORMANT}
    assert main(["recover", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path / writer.REPORT)]) == 1
    assert "cut off" in (tmp_path / writer.PAGE).read_text()
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_killed_run_is_never_conformant(tmp_path: Path) -> None:
    journal = writer.Journal(tmp_path)
    journal.begin(DRAFT)
    journal.add(result())
    journal.close()
    assert [p.verdict for p in writer.recover(tmp_path).profiles] == [Verdict.INCOMPLETE]


def test_nothing_to_recover(tmp_path: Path) -> None:
    with pytest.raises(reader.UnreadableReport, match="no journal"):
        writer.recover(tmp_path)
    writer.prepare(tmp_path)
    with pytest.raises(reader.CorruptReport, match="before it says"):
        writer.recover(tmp_path)
    (tmp_path / writer.JOURNAL).write_text("nonsense\n")
    with pytest.raises(reader.CorruptReport, match="damaged"):
        writer.recover(tmp_path)


def test_a_former_run_is_cleared(tmp_path: Path) -> None:
    """Only files that the suite wrote go; what someone else keeps there stays."""
    writer.write(report_of(*MIXED), tmp_path)
    writer.save_evidence(tmp_path, "tree", "old")
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / writer.EVIDENCE / "mine.txt").write_text("mine")
    writer.prepare(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"notes.md", "evidence/mine.txt", writer.JOURNAL}


def test_a_foreign_report_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / writer.JUNIT).write_text("<testsuites/>")
    with pytest.raises(writer.ReportUnwritable, match="--report-dir"):
        writer.prepare(tmp_path)
    assert (tmp_path / writer.JUNIT).exists()


@pytest.mark.parametrize("name", ["file", "file/below", "/proc/nowhere/report"])
def test_a_directory_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(writer.ReportUnwritable, match="--report-dir") as told:
        writer.prepare(tmp_path / name)
    assert len(str(told.value).splitlines()) == 1


SECRET = 'wJalr/XUtn+FEMI "K7'
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----\n"


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    """As it is, percent-encoded, inside JSON, and a key line by line."""
    url = "https://h/?sig=wJalr%2FXUtn%2BFEMI%20%22K7"
    shown = f"{SECRET} {url} {json.dumps(SECRET)} {json.dumps(PEM)}\n  | MIIEvQIBADANBgkqhkiG9w0"
    leak = result(FAILED, "PLACE-002", message=shown, reproduce=shown, reason=shown)
    journal = writer.Journal(tmp_path)
    journal.begin(DRAFT, [SECRET, PEM])
    journal.add(leak, [SECRET, PEM])
    journal.close()
    writer.save_evidence(tmp_path, f"leak {SECRET}", shown, [SECRET, PEM])
    kept = (tmp_path / writer.JOURNAL).read_text()
    written = writer.write(report_of(leak), tmp_path, [SECRET, PEM])
    texts = [kept, *(path.read_text() + path.name for path in tmp_path.rglob("*") if path.is_file())]
    texts += summary(written, path=tmp_path, colour=False, width=300)
    assert not [word for word in ("wJalr", "XUtn", "FEMI", "MIIEvQ") if any(word in text for text in texts)]
    assert reader.check(tmp_path / writer.REPORT).results[0].message.count("[redacted]") >= 5


def test_short_words_are_no_secrets() -> None:
    assert redact({"a": ["key in 3 files", 3]}, ["", "key"]) == {"a": ["key in 3 files", 3]}


def test_control_characters_are_dropped(tmp_path: Path) -> None:
    nasty = "\x1b[31mred\x1b[0m\x00\x07 50%\r100%\r\nend \udcff\ufffe"
    assert printable(nasty) == "red 50%\n100%\nend "
    report = report_of(result(FAILED, message=nasty, case="a\x00b"))
    _parsed(document(report))
    writer.write(report, tmp_path)
    assert reader.check(tmp_path / writer.REPORT).results[0].message == "red 50%\n100%\nend "


def _parsed(xml: str) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314 - the suite's own


def test_junit() -> None:
    root = _parsed(document(report_of(*MIXED)))
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


def test_summary_of_a_clean_run_is_short() -> None:
    lines = summary(report_of(result(), result(KNOWN, case="b")), path=Path("r"), colour=False, width=80)
    assert lines[1] == "  download/s3  CONFORMANT with 1 known failure  1 passed  [moto, emulator]"
    assert len(lines) <= 7


def test_summary_of_nothing() -> None:
    assert any("nothing was judged" in line for line in summary(report_of(), path=Path("r"), colour=False, width=80))


def test_compare() -> None:
    """Conduct counts, not whether a list excused it; a case that was not judged is absent."""
    old = report_of(
        result(case="a"), result(FAILED, case="b"), result(KNOWN, case="c"), result(case="d"), result(NOT_RUN, case="e")
    )
    new = report_of(
        result(KNOWN, case="a"), result(case="b"), result(FAILED, case="c"), result(ERROR, case="d"), result(case="e")
    )
    found = compare.compare(old, new)
    assert [(d.change.value, d.case.case) for d in found] == [
        ("broke", "a"),
        ("fixed", "b"),
        ("new", "e"),
        ("gone", "d"),
    ]
    text = "\n".join(compare.render(old, new, found))
    assert "BROKE: 1\n  PLACE-001  The tree lands unchanged\n    s3  test_a[a]: passed -> known-failure" in text
    assert "No case changed." in "\n".join(compare.render(old, old, compare.compare(old, old)))


def test_compare_sees_through_servers() -> None:
    """The same case on another server is the same case."""
    old, new = report_of(result()), report_of(result(FAILED, server="minio"))
    assert [d.change for d in compare.compare(old, new)] == [compare.Change.BROKE]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, report in (("good", report_of(result())), ("bad", report_of(*MIXED))):
        writer.write(report, tmp_path / name)
    good, bad = (str(tmp_path / name / writer.REPORT) for name in ("good", "bad"))
    assert main(["check", good]) == 0
    assert main(["compare", good, good]) == 0
    assert main(["compare", bad, good]) == 0
    assert main(["compare", good, str(tmp_path / "none.json")]) == 2
    assert "download/s3: conformant" in capsys.readouterr().out

    assert main(["render", bad, "-o", str(tmp_path / "elsewhere")]) == 0
    assert 'href="../bad/evidence/' in (tmp_path / "elsewhere" / writer.PAGE).read_text()
    assert main(["render", bad]) == 0
    assert 'href="evidence/' in (tmp_path / "bad" / writer.PAGE).read_text()


def test_help() -> None:
    """The module runs as a program, and each command explains itself."""
    for command in ([], ["compare"], ["render"], ["check"], ["recover"]):
        shown = subprocess.run(
            [sys.executable, "-m", "reports", *command, "--help"],
            cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )  # fmt: skip
        assert shown.stdout.startswith("usage: python -m reports")


def test_model_refuses_other_shapes() -> None:
    data = to_json(result())
    assert from_json(Result, data) == result()
    with pytest.raises(ValueError, match="maybe"):
        from_json(Result, data | {"outcome": "maybe"})
    with pytest.raises(TypeError):
        from_json(Result, {"rule": "PLACE-001"})
