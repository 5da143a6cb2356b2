"""The files of a report: nobody can cut them off or edit them unseen, and no secret gets into them."""

from __future__ import annotations

import base64
import binascii
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from reports import reader, writer
from reports.__main__ import main
from reports.junit import document
from reports.measurement import Measurement
from reports.model import Verdict, to_json
from reports.redact import REDACTED, Secrets, forms_of, printable, redact
from reports.summary import summary
from tests.sample_report import DRAFT, FAILED, MIXED, parsed, report_of, result

MEASURED = Measurement("requests", "requests per file", (2.0,), (), "", "at most 8", (0.2, 0.3), "within")


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
        (lambda data: data["metrics"].update(wall_s=float("inf")), "not JSON"),
        (lambda data: data["results"][0].update(measurements=[asdict(MEASURED) | {"samples": [10**16]}]), "maximum"),
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
    with pytest.raises(reader.CorruptReport, match="download/azure-files has the verdict absent"):
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
    """The kill comes in the middle of a line. The report reads that it was cut off."""
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
        [sys.executable, "-c", program, str(tmp_path), *argv], cwd=Path(__file__).parents[2], check=False
    )
    assert ended.returncode == -signal.SIGKILL

    report = writer.recover(tmp_path)
    assert len(report.results) == len(MIXED)
    assert not report.footer.complete
    assert {p.verdict for p in report.profiles} == {Verdict.NONCONFORMANT}
    assert main(["recover", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path / writer.REPORT)]) == 1
    assert "Cut off" in (tmp_path / writer.PAGE).read_text()
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
    with pytest.raises(reader.CorruptReport, match="before it names the run"):
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


@pytest.mark.parametrize("length", [0, 1, 1000, None], ids=["empty", "a byte", "cut off", "absent"])
def test_a_damaged_report_beside_the_page_is_replaced(length: int | None, tmp_path: Path) -> None:
    """The page is of this suite, so the report was, too."""
    writer.write(report_of(*MIXED), tmp_path)
    path = tmp_path / writer.REPORT
    if length is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:length])
    writer.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [writer.JOURNAL]


@pytest.mark.parametrize(
    ("report", "page"),
    [('{"kind": "Pod"}', None), ("[]", None), ("{", "<!doctype html><title>storage-initializer-conformance</title>")],
    ids=["another kind", "a list", "cut off, and another page"],
)
def test_a_report_of_another_program_stays(report: str, page: str | None, tmp_path: Path) -> None:
    """A page of this suite beside it changes nothing: `render` writes into any folder."""
    writer.render(report_of(*MIXED), tmp_path)
    (tmp_path / writer.REPORT).write_text(report)
    if page is not None:
        (tmp_path / writer.PAGE).write_text(page)
    with pytest.raises(writer.ReportUnwritable, match="of another program"):
        writer.prepare(tmp_path)
    assert (tmp_path / writer.REPORT).read_text() == report
    assert (tmp_path / writer.PAGE).exists()


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


@pytest.mark.parametrize("before", ["", "u:", "us:", "user:"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_encoded_secrets_are_known(before: str, after: str) -> None:
    """As a part of something longer, wherever base64 puts its borders; in hexadecimal and in a query too."""
    secret = "p/ss+w?rd-of-4711"
    whole = (before + secret + after).encode()
    encoded = [base64.b64encode(whole), base64.urlsafe_b64encode(whole), binascii.hexlify(whole)]
    for text in [*(one.decode() for one in encoded), quote_plus(secret), json.dumps(secret)]:
        assert any(form in text for form in forms_of([secret])), text
        assert REDACTED in redact(text, [secret])


def test_short_words_are_no_secrets() -> None:
    assert redact({"a": ["key in 3 files", 3]}, ["", "key"]) == {"a": ["key in 3 files", 3]}


def test_secrets_are_added_during_a_run() -> None:
    """A search for the secrets of thousands of cases finds the longest form first, and takes no second."""
    secrets = Secrets(f"key-of-case-{number}" for number in range(3000))
    text = "key-of-case-17 and late-secret " + "x" * 10_000
    assert secrets.within(text) == ["key-of-case-17", "key-of-case-1"]
    secrets.add(["late-secret"])
    began = time.process_time()
    assert redact([text] * 20, secrets)[0].startswith(f"{REDACTED} and {REDACTED} x")
    assert time.process_time() - began < 1


def test_control_characters_are_dropped(tmp_path: Path) -> None:
    nasty = "\x1b[31mred\x1b[0m\x00\x07 50%\r100%\r\nend \udcff\ufffe"
    assert printable(nasty) == "red 50%\n100%\nend "
    report = report_of(result(FAILED, message=nasty, case="a\x00b"))
    parsed(document(report))
    writer.write(report, tmp_path)
    assert reader.check(tmp_path / writer.REPORT).results[0].message == "red 50%\n100%\nend "
