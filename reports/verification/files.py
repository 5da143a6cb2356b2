"""Check the digests that a report has of other files: claims, the list of known failures, plugins, evidence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from reports.claims import Claims
from reports.installed import Installed, file_digest
from reports.model import Outcome, Report
from reports.verification.checked import Checked, failed, listed, ok, shown, unknown

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: A larger file is no evidence of a case.
_LARGEST = 8 << 20


def checks(
    report: Report, home: Path, suite: Installed, claims: Path | None, known_failures: Path | None
) -> Iterator[Checked]:
    """Yield the results of all checks.

    home            the folder of the report, with its evidence.
    claims          the claims that the run is said to have been held to.
    known_failures  the list that it is said to have applied.
    """
    yield _initializer(report)
    if claims is not None:
        yield _claims(report, claims)
    yield _known_failures(report, suite, known_failures)
    yield _evidence(report, home)


def _initializer(report: Report) -> Checked:
    subject = report.initializer
    name = shown(f"{subject.name} {subject.version}")
    if not _DIGEST.fullmatch(subject.digest):
        text = f"the report has no digest of {name}"
        return failed("initializer", text, "run the suite again with a program that it can read")
    text = f"the report is about {name}, {subject.digest}"
    return unknown("initializer", text, "compare the digest with that of your image; --rerun compares the program here")


def _claims(report: Report, given: Path) -> Checked:
    own = report.claims
    if Claims.of(own.file, given.read_text(encoding="utf-8", errors="replace")) != own:
        text = f"{given} is not the file that the run was held to ({shown(own.file) or 'none'})"
        return failed("claims file", text, "give the claims that belong to the report")
    return ok("claims file", f"{given} is the file that the run was held to")


def _known_failures(report: Report, suite: Installed, given: Path | None) -> Checked:
    listed_ones = {Outcome.KNOWN_FAILURE, Outcome.FIXED}
    number = sum(result.outcome in listed_ones for result in report.results)
    own, name = report.known_failures, shown(report.known_failures.name)
    if given is not None and file_digest(given) != own.digest:
        text = f"{given} is not the list that the run applied ({name or 'none'})"
        return failed("known failures", text, "give the list that belongs to the report")
    if not own.name:
        if number and report.suite.build:
            text = f"{number} results refer to a list, but the report names none"
            return failed("known failures", text, "get the report as the run wrote it")
        if number:
            return unknown("known failures", f"the report has no digest of the list of {number} results", "run again")
        return ok("known failures", "the run applied no list")
    if given is not None or suite.known_failures.get(own.name) == own.digest:
        return ok("known failures", f"{name} is the list that the run applied; it covers {number} results")
    text = f"{number} results refer to the list {name}, which this suite does not have"
    return unknown("known failures", text, "give it with --known-failures")


def _evidence(report: Report, home: Path) -> Checked:
    """The name of a file of evidence contains the first digits of the digest of its content."""
    names = sorted({name for result in report.results for name in result.evidence})
    present = [name for name in names if (home / name).is_file() and not (home / name).is_symlink()]
    if edited := [name for name in present if not _genuine(home / name)]:
        text = f"files were edited after the run: {listed(edited)}"
        return failed("evidence", text, "get the files as the run wrote them")
    if len(present) < len(names):
        text = f"{len(names) - len(present)} of {len(names)} files are not beside the report"
        return unknown("evidence", text, "ask for the folder evidence/")
    return ok("evidence", f"{len(names)} files have the content that their names promise")


def _genuine(path: Path) -> bool:
    if path.stat().st_size > _LARGEST:
        return False
    return path.name.split(".")[-2:-1] == [hashlib.sha256(path.read_bytes()).hexdigest()[:8]]
