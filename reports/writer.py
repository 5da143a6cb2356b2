"""Writes what a run leaves: a journal while it lasts, evidence, then report.json, junit.xml and report.html."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reports import junit, page
from reports.model import KIND, Report, Result, from_json, seal, to_json
from reports.reader import CorruptReport, UnreadableReport, validate
from reports.redact import forms_of, redact
from reports.verdict import finish
from reports.versions import upgraded

REPORT, JUNIT, PAGE, EVIDENCE = "report.json", "junit.xml", "report.html", "evidence"
JOURNAL = "results.jsonl"
_JOURNALS = re.compile(r"results(-[a-z0-9]+)?\.jsonl")
_EVIDENCE_FILE = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}\.txt")


class ReportUnwritable(Exception):
    """The report's directory cannot be made, written or taken over; one line with the remedy."""


def prepare(directory: Path) -> None:
    """Make the directory ready before the run: it exists, can be written, and holds nothing of a former run.

    Only files that this module writes are removed. Raises ReportUnwritable, also where another program's files have
    these names.
    """
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        old = _known_files(directory)
        if old and not _is_ours(directory):
            raise ReportUnwritable(
                f"{old[0]} is not of this suite and would be overwritten; give another directory with --report-dir"
            )
        for path in old:
            path.unlink()
        if (directory / EVIDENCE).is_dir() and not any((directory / EVIDENCE).iterdir()):
            (directory / EVIDENCE).rmdir()
        (directory / JOURNAL).touch()


class Journal:
    """Results as they arrive, a line each, so that a killed run keeps them. Each process writes a file of its own."""

    def __init__(self, directory: Path, worker: str = "") -> None:
        """`worker` is pytest-xdist's id (`gw0`), "" in the controlling process."""
        self.directory = directory
        with _writing(directory):
            self._file = (directory / (f"results-{worker}.jsonl" if worker else JOURNAL)).open("a", encoding="utf-8")

    def begin(self, draft: Report, secrets: Iterable[str] = ()) -> None:
        """Note whose results follow; to be called again when more is known (a server was started)."""
        self._append({"kind": KIND, "draft": to_json(draft)}, secrets)

    def add(self, result: Result, secrets: Iterable[str] = ()) -> None:
        """Note one result."""
        self._append({"result": to_json(result)}, secrets)

    def close(self) -> None:
        """Close the file; it stays until the report is written."""
        self._file.close()

    def _append(self, entry: dict[str, Any], secrets: Iterable[str]) -> None:
        with _writing(self.directory):
            self._file.write(json.dumps(redact(entry, secrets)) + "\n")
            self._file.flush()


def save_evidence(directory: Path, name: str, text: str, secrets: Iterable[str] = ()) -> str:
    """Write `text` to a file named after `name` and its content; returns what belongs into `Result.evidence`."""
    text = redact(text, secrets)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", redact(name, secrets)).strip("-.")[:80] or "evidence"
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    with _writing(directory):
        (directory / EVIDENCE).mkdir(parents=True, exist_ok=True)
        _replace(directory / EVIDENCE / f"{stem}.{mark}.txt", text)
    return f"{EVIDENCE}/{stem}.{mark}.txt"


def write(report: Report, directory: Path, secrets: Iterable[str] = ()) -> Report:
    """Write the report in its three forms and drop the journal; returns it as written: redacted and with its footer.

    Raises ReportUnwritable, and CorruptReport for a report that the schema refuses (a bug of the caller).
    """
    report = seal(from_json(Report, redact(to_json(report), secrets)))
    validate(to_json(report), REPORT)
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        render(report, directory)
        _replace(directory / REPORT, json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n")
        for path in directory.iterdir():
            if _JOURNALS.fullmatch(path.name):
                path.unlink()
    return report


def leaking(directory: Path, secrets: Iterable[str]) -> list[str]:
    """The files of the report in which one of the secrets stands, by their names below `directory`."""
    forms = forms_of(secrets)
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in _known_files(directory))
    return sorted(str(path.relative_to(directory)) for path, text in texts if any(form in text for form in forms))


def render(report: Report, directory: Path, evidence_root: str = "", *, option: str = "--report-dir") -> None:
    """Write only what is derived from a report: junit.xml and report.html.

    `evidence_root` leads from `directory` to the one that holds `evidence/`, with a slash at its end; `option` is the
    one that chose `directory`.
    """
    with _writing(directory, option):
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory / JUNIT, junit.document(report))
        _replace(directory / PAGE, page.page(report, evidence_root))


def recover(directory: Path) -> Report:
    """The report of a killed run, from its journals; its footer is not `complete`, so no profile is conformant.

    Raises UnreadableReport without a journal, CorruptReport for one that does not say whose results it holds.
    """
    journals = sorted(path for path in directory.glob("results*.jsonl") if _JOURNALS.fullmatch(path.name))
    if not journals:
        raise UnreadableReport(f"{directory} holds no journal ({JOURNAL}) of a killed run")
    draft: Report | None = None
    results: dict[tuple[str, ...], Result] = {}
    try:
        for entry in (entry for path in journals for entry in _entries(path)):
            if "draft" in entry:
                draft = from_json(Report, upgraded(entry["draft"]))
            else:
                result = from_json(Result, entry["result"])
                results[result.key] = result
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptReport(f"a journal in {directory} is damaged: {error!r}") from error
    if draft is None:
        raise CorruptReport(f"the journal in {directory} ends before it says whose results it holds")
    return seal(finish(draft, results.values(), draft.metrics, complete=False))


def _entries(journal: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; what was being written when the run was killed is left out."""
    with journal.open(encoding="utf-8") as stream:
        for line in stream:
            if line.endswith("\n"):
                yield json.loads(line)


def _known_files(directory: Path) -> list[Path]:
    """Files in the directory that carry the names this module gives."""
    top = [path for path in directory.iterdir() if path.name in {REPORT, JUNIT, PAGE} or _JOURNALS.fullmatch(path.name)]
    folder = directory / EVIDENCE
    below = [] if folder.is_symlink() or not folder.is_dir() else folder.iterdir()
    return [*top, *(path for path in below if _EVIDENCE_FILE.fullmatch(path.name))]


def _is_ours(directory: Path) -> bool:
    """Whether a report or a journal in the directory was written by this suite."""
    for name in (REPORT, JOURNAL):
        try:
            with (directory / name).open(encoding="utf-8") as stream:
                first = stream.read() if name == REPORT else stream.readline()
            if (name == JOURNAL and not first) or json.loads(first).get("kind") == KIND:
                return True
        except (OSError, ValueError, AttributeError):
            continue
    return False


def _replace(path: Path, text: str) -> None:
    """Put `text` at `path` in one step: a reader finds the old file or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _writing(directory: Path, option: str = "--report-dir") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportUnwritable(
            f"the report cannot be written to {directory}: {error.strerror or error};"
            f" make room there, or give a directory that can be written with {option}"
        ) from error
