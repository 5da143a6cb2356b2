"""Verify reports: against themselves, against the installed suite, by their signature, and by a repeated run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reports import reader, rerun, signature
from reports.installed import Installed
from reports.model import Report
from reports.verification import against, alone, files
from reports.verification.checked import Checked, Status, failed, ok, unknown


@dataclass(frozen=True)
class Given:
    """What the reader of a report has beside it.

    key             the public key of the party that should have signed it.
    claims          the claims that it should be about.
    known_failures  the list of known failures that belongs to it.
    repeat          which cases to repeat.
    """

    key: Path | None = None
    claims: Path | None = None
    known_failures: Path | None = None
    repeat: rerun.Repeat | None = None


def verify(path: Path, given: Given) -> list[Checked]:
    """Return the results of all checks of the report at `path`.

    Raises UnreadableReport, Unsigned or CannotRepeat.
    """
    suite = Installed()
    try:
        report = reader.load(path)
    except reader.CorruptReport as reason:
        return [failed("report", str(reason), "get the report as the run wrote it")]
    found = [
        *alone.checks(report),
        *against.checks(report, suite),
        *files.checks(report, path.parent, suite, given.claims, given.known_failures),
        _signature(report, path, given.key),
    ]
    if given.repeat:
        found += rerun.rerun(report, suite, given.repeat)
    return found


def exit_status(found: list[Checked]) -> int:
    """Return 1 if a check failed, 3 if none failed but another version of the suite has to make some, else 0."""
    statuses = {one.status for one in found}
    return 1 if Status.FAILED in statuses else 3 if Status.OTHER in statuses else 0


def conclusion(found: list[Checked]) -> Iterator[str]:
    """Yield what the checks prove, and what they do not prove."""
    broken = [one.name for one in found if one.status is Status.FAILED]
    if broken:
        yield f"NOT VERIFIED: {', '.join(broken)}"
        return
    status = {one.name: one.status for one in found}
    signed, repeated = status["signature"] is Status.OK, "rerun" in status
    unmade = [one.name for one in found if one.status is Status.OTHER]
    words = ("consistent with itself alone" if unmade else "consistent", "signed" if signed else "unsigned")
    yield ", ".join((*words, *(("repeated",) if repeated else ())))
    if unmade:
        yield f"NOT VERIFIED by this version of the suite: {', '.join(unmade)}. The suite that wrote the report can."
    if signed:
        yield "The report agrees with itself, and the owner of the key vouches for it."
    else:
        yield "The report agrees with itself. Anybody can write one without a run: nothing proves who made it."
    if repeated:
        yield "A sample of its cases ended here as the report says; the other cases were not repeated."
    else:
        yield "Only a repeated run proves the result: --rerun N repeats N cases."


def _signature(report: Report, path: Path, key: Path | None) -> Checked:
    envelope = signature.beside(path)
    if key is None:
        if envelope.exists():
            text = f"nobody has checked {envelope.name}"
            return unknown("signature", text, "give the public key of the party that you trust with --key")
        return unknown("signature", "the report is unsigned", "ask for a signed one: `python -m reports sign`")
    if not envelope.exists():
        return failed("signature", f"there is no {envelope.name} beside the report", "ask the signer for it")
    try:
        identity = signature.verify(report, path, key)
    except signature.BadSignature as reason:
        return failed("signature", f"{envelope.name}: {reason}", "ask the signer for the report and its signature")
    return ok("signature", f"{envelope.name} is of the key {identity[:16]} and of this report")
