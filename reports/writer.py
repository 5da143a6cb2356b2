"""Write the files of a run: a journal and evidence during the run, then report.json, junit.xml and report.html."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports import junit, page
from reports.exploration import Exploration
from reports.model import KIND, Report, Result, from_json, seal, to_json
from reports.reader import CorruptReport, UnreadableReport, validate
from reports.redact import Secrets, redact
from reports.verdict import finish
from reports.versions import upgraded

REPORT, JUNIT, PAGE, EVIDENCE = "report.json", "junit.xml", "report.html", "evidence"
JOURNAL = "results.jsonl"
_EVIDENCE_FILE = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}\.txt")


class ReportUnwritable(Exception):
    """The suite cannot create, write or reuse the report's directory; the message is one line with the remedy."""


def prepare(directory: Path) -> None:
    """Prepare the directory before the run: create it, check that it is writable, and remove files of an earlier run.

    It removes only files that this module writes. Raises ReportUnwritable, also if files of another program have these
    names.
    """
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        old = _known_files(directory)
        if old and not _is_ours(directory):
            raise ReportUnwritable(
                f"{old[0]} is of another program, and the report would replace it; use --report-dir with another folder"
            )
        for path in old:
            path.unlink()
        if (directory / EVIDENCE).is_dir() and not any((directory / EVIDENCE).iterdir()):
            (directory / EVIDENCE).rmdir()
        (directory / JOURNAL).touch()


class Journal:
    """A journal of results, one line each, so that a killed run keeps them. The controlling process writes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with _writing(directory):
            self._file = (directory / JOURNAL).open("a", encoding="utf-8")

    def begin(self, draft: Report, secrets: Secrets | Iterable[str] = ()) -> None:
        """Record which run the next results belong to. Call it again when more is known, such as a started server."""
        self._append({"kind": KIND, "draft": to_json(draft)}, secrets)

    def add(self, result: Result, secrets: Secrets | Iterable[str] = ()) -> None:
        """Record one result."""
        self._append({"result": to_json(result)}, secrets)

    def explored(self, exploration: Exploration, secrets: Secrets | Iterable[str] = ()) -> None:
        """Record one exploration."""
        self._append({"explored": to_json(exploration)}, secrets)

    def close(self) -> None:
        """Close the file. It stays on disk until `write` has written the report."""
        self._file.close()

    def _append(self, entry: dict[str, Any], secrets: Secrets | Iterable[str]) -> None:
        with _writing(self.directory):
            self._file.write(json.dumps(redact(entry, secrets)) + "\n")
            self._file.flush()


def save_evidence(directory: Path, name: str, text: str, secrets: Secrets | Iterable[str] = ()) -> str:
    """Write `text` to a file named after `name` and its content. Return the path for `Result.evidence`."""
    text = redact(text, secrets)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", redact(name, secrets)).strip("-.")[:80] or "evidence"
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    with _writing(directory):
        (directory / EVIDENCE).mkdir(parents=True, exist_ok=True)
        _replace(directory / EVIDENCE / f"{stem}.{mark}.txt", text)
    return f"{EVIDENCE}/{stem}.{mark}.txt"


def write(report: Report, directory: Path, secrets: Secrets | Iterable[str] = ()) -> Report:
    """Write the report in its three forms and delete the journal. Return the report as written: redacted, with footer.

    Raises ReportUnwritable, and CorruptReport if the schema rejects the report (a bug in the caller).
    """
    report = seal(from_json(Report, redact(to_json(report), secrets)))
    validate(to_json(report), REPORT)
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        render(report, directory)
        _replace(directory / REPORT, json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n")
        (directory / JOURNAL).unlink(missing_ok=True)
    return report


def leaking(directory: Path, secrets: Secrets) -> list[str]:
    """Return the files of the report that contain one of the secrets, as paths relative to `directory`."""
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in _known_files(directory))
    return sorted(str(path.relative_to(directory)) for path, text in texts if secrets.within(text))


def render(report: Report, directory: Path, evidence_root: str = "", *, option: str = "--report-dir") -> None:
    """Write junit.xml and report.html, the files derived from a report.

    evidence_root  the path from `directory` to the folder that holds `evidence/`, with a trailing slash.
    option         the command line option that chose `directory`, for error messages.
    """
    with _writing(directory, option):
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory / JUNIT, junit.document(report))
        _replace(directory / PAGE, page.page(report, evidence_root))


def recover(directory: Path) -> Report:
    """Rebuild the report of a killed run from its journal.

    Its footer is not `complete`, so no profile is conformant. Raises UnreadableReport if there is no journal, and
    CorruptReport if the journal is damaged or does not name the run of its results.
    """
    journal = directory / JOURNAL
    if not journal.exists():
        raise UnreadableReport(f"{directory} contains no journal ({JOURNAL}) of a killed run")
    draft: Report | None = None
    results: dict[tuple[str, ...], Result] = {}
    explored: list[Exploration] = []
    try:
        for entry in _entries(journal):
            if "draft" in entry:
                draft = from_json(Report, upgraded(entry["draft"]))
            elif "explored" in entry:
                explored.append(from_json(Exploration, entry["explored"]))
            else:
                result = from_json(Result, entry["result"])
                results[result.key] = result
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptReport(f"the journal in {directory} is damaged: {error!r}") from error
    if draft is None:
        raise CorruptReport(f"the journal in {directory} ends before it names the run of its results")
    draft = replace(draft, explored=tuple(explored))
    return seal(finish(draft, results.values(), draft.metrics, complete=False))


def _entries(journal: Path) -> Iterator[dict[str, Any]]:
    """Yield the complete lines of a journal; skip a last line that the killed run did not finish."""
    with journal.open(encoding="utf-8") as stream:
        for line in stream:
            if line.endswith("\n"):
                yield json.loads(line)


def _known_files(directory: Path) -> list[Path]:
    """Return the files in the directory that have a name this module uses."""
    top = [path for path in directory.iterdir() if path.name in {REPORT, JUNIT, PAGE, JOURNAL}]
    folder = directory / EVIDENCE
    below = [] if folder.is_symlink() or not folder.is_dir() else folder.iterdir()
    return [*top, *(path for path in below if _EVIDENCE_FILE.fullmatch(path.name))]


def _is_ours(directory: Path) -> bool:
    """Return whether this suite wrote the files: its report, its journal, or its page beside a report that is cut off.

    The page does not vouch for a whole report of another program.
    """
    try:
        report = json.loads((directory / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        if page.MARK in _first_lines(directory / PAGE):
            return True
    else:
        if isinstance(report, dict) and report.get("kind") == KIND:
            return True
    return _is_our_journal(directory / JOURNAL)


def _first_lines(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(1000)
    except OSError:
        return ""


def _is_our_journal(path: Path) -> bool:
    """Return whether the journal is empty, or begins as a run of this suite."""
    try:
        with path.open(encoding="utf-8") as stream:
            first = stream.readline()
        return not first or json.loads(first).get("kind") == KIND
    except (OSError, ValueError, AttributeError):
        return False


def _replace(path: Path, text: str) -> None:
    """Write `text` to `path` atomically: a reader finds the old file or the new file, never a partial one."""
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
