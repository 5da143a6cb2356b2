"""Reports in reports/published/: prepare a folder for a pull request, and check the folders that are there.

reports/published/README.md has the rules.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reports import badge, reader, revision, signature
from reports.installed import Installed, file_digest
from reports.model import Report, Verdict
from reports.redact import printable
from reports.verification import against
from reports.verification.checked import Status, shown

REPORT, README, SVG, ENDPOINT = "report.json", "README.md", "badge.svg", "badge.json"
SIGNATURE, KEY, LIST, CLAIMS = "report.dsse.json", "key.pem", "known-failures.yaml", "conformance.yaml"
_REQUIRED = {REPORT, README, SVG, ENDPOINT}
_ALLOWED = {*_REQUIRED, SIGNATURE, KEY, LIST, CLAIMS}
#: Bytes of a folder.
LARGEST = 4 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_URL = re.compile(r"https?://[^\s<>\"'`\\]+")


class NotPublishable(Exception):
    """The report or an argument does not keep the rules; the message is one line with the remedy."""


@dataclass(frozen=True)
class Entry:
    """A published report. `folder` is relative to the folder of all published reports."""

    folder: Path
    report: Report
    signed: bool


@dataclass(frozen=True)
class Extras:
    """What goes into the folder beside the report.

    source          the URL where everybody gets the program under test.
    key             the public key, for a signed report.
    known_failures  the list that the run applied, if it is not the suite's own.
    """

    source: str
    key: Path | None = None
    known_failures: Path | None = None


def folder_of(report: Report) -> Path:
    """Return the report's folder, such as `1.0/kserve-0.21.0`. Raises NotPublishable."""
    subject = report.initializer
    if not subject.version:
        raise NotPublishable("the report has no version of the program: run it again with --initializer-version")
    parts = [report.spec.version.lower(), f"{subject.name}-{subject.version}".lower()]
    for part in parts:
        if not _NAME.fullmatch(part):
            raise NotPublishable(
                f"{printable(part)!r} cannot be the name of a folder: give a --initializer-name and a"
                " --initializer-version of letters, digits, dots and dashes"
            )
    return Path(*parts)


def publish(path: Path, root: Path, extras: Extras) -> Path:
    """Write the folder of the report at `path` below `root`, and return it. An older folder of the same name goes.

    Raises NotPublishable, UnreadableReport, CorruptReport or Unsigned.
    """
    report = reader.check(path)
    folder = root / folder_of(report)
    if not _URL.fullmatch(extras.source):
        raise NotPublishable(f"--source {printable(extras.source)}: give the http URL where the program is found")
    contents = {
        REPORT: path.read_bytes(),
        README: _readme(report, extras.source).encode(),
        SVG: badge.svg(report).encode(),
        ENDPOINT: badge.endpoint(report).encode(),
    }
    if report.claims.sha256:
        contents[CLAIMS] = report.claims.content.encode()
    signed = signature.beside(path) if signature.beside(path).exists() else None
    for name, source in ((SIGNATURE, signed), (KEY, extras.key), (LIST, extras.known_failures)):
        if source is not None:
            contents[name] = _read(source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in _ALLOWED:
            (folder / old).unlink(missing_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise NotPublishable(f"{folder} cannot be written: {error.strerror}; give another folder with -o") from error
    return folder


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotPublishable(f"{path} cannot be read: {error.strerror}; give another file") from error


def entries(root: Path) -> list[Entry]:
    """Return the published reports below `root`, by folder. Raises UnreadableReport or CorruptReport."""
    return [
        Entry(path.parent.relative_to(root), reader.load(path), (path.parent / SIGNATURE).exists())
        for path in sorted(root.glob(f"*/*/{REPORT}"))
    ]


def problems(root: Path) -> list[str]:
    """Return how the folders below `root` break the rules; one line each, with the remedy."""
    folders = sorted(path for path in root.glob("*/*") if path.is_dir())
    stray = sorted(path for path in (*root.glob("*"), *root.glob("*/*")) if path.is_file() and path != root / README)
    lines = [f"{path.relative_to(root)}: remove it; a report has a folder SPEC/NAME-VERSION" for path in stray]
    return lines + [line for folder in folders for line in problems_of(folder, root)]


def unverified(root: Path) -> list[str]:
    """Return the reports below `root` that another version of the suite wrote, with the checks left to it; a line each.

    Raises UnreadableReport or CorruptReport.
    """
    suite = Installed()
    lines = []
    for entry in entries(root):
        left = [one.name for one in against.checks(entry.report, suite) if one.status is not Status.OK]
        if entry.report.suite.build != suite.suite.build:
            own = entry.report.suite
            text = f"{shown(revision.named(own))} wrote it, so nobody has verified here: {', '.join(left)}"
            lines.append(f"{entry.folder}: {text}; to do so, {shown(revision.remedy(own))}")
    return lines


def problems_of(folder: Path, root: Path) -> list[str]:
    """Return how one folder below `root` breaks the rules; one line each, with the remedy."""
    return [f"{folder.relative_to(root)}: {line}" for line in _problems(folder, root)]


def _problems(folder: Path, root: Path) -> Iterator[str]:
    found = {path.name: path for path in folder.iterdir()}
    for name in sorted(_REQUIRED - set(found)):
        yield f"{name} is absent; make the folder with `python -m reports publish`"
    for name in sorted(set(found) - _ALLOWED):
        yield f"remove {printable(name)}; only {', '.join(sorted(_ALLOWED))} belong here"
    if any(path.is_symlink() or not path.is_file() for path in found.values()):
        yield "it contains something else than files; remove it"
    elif (size := sum(path.stat().st_size for path in found.values())) > LARGEST:
        yield f"it has {size >> 10} KiB; at most {LARGEST >> 10} are allowed: publish fewer profiles in one report"
    elif set(found) >= _REQUIRED:
        yield from _content(folder, root)


def _content(folder: Path, root: Path) -> Iterator[str]:
    try:
        report = reader.check(folder / REPORT)
        if folder.relative_to(root) != folder_of(report):
            yield f"the report belongs into {folder_of(report)}; move it there"
    except (reader.CorruptReport, reader.UnreadableReport, NotPublishable) as reason:
        yield f"{reason}"
        return
    if all(profile.verdict is Verdict.INCOMPLETE for profile in report.profiles):
        yield "no profile has a verdict other than incomplete; publish a run of at least one whole profile"
    if not report.suite.build:
        yield "the report has no digest of the suite; run a newer suite"
    if report.suite.commit.endswith(revision.DIRTY):
        yield "the suite was changed after its commit, so nobody can repeat the run; run it from an unchanged checkout"
    if report.suite.build == (suite := Installed()).suite.build:
        yield from (f"{one.text}; {one.remedy}" for one in against.checks(report, suite) if one.status is Status.FAILED)
    for name, content in ((SVG, badge.svg(report)), (ENDPOINT, badge.endpoint(report))):
        if (folder / name).read_text(encoding="utf-8") != content:
            yield f"{name} is not the badge of the report; make it with `python -m reports publish`"
    if "\n".join(reproduce(report)) not in (folder / README).read_text(encoding="utf-8"):
        yield f"{README} lacks the section Reproduce of the report; make it with `python -m reports publish`"
    if report.claims.content != _text(folder / CLAIMS):
        yield f"{CLAIMS} is not the claims in the report; make it with `python -m reports publish`"
    yield from _signature(folder, report)
    yield from _list(folder, report)


def _text(path: Path) -> str:
    """Return the content of a file; "" if there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _signature(folder: Path, report: Report) -> Iterator[str]:
    signed, key = (folder / SIGNATURE).exists(), folder / KEY
    if signed != key.exists():
        yield f"{KEY if signed else SIGNATURE} is absent; a signed report has both, an unsigned one has neither"
    elif signed:
        try:
            signature.verify(report, folder / REPORT, key)
        except (signature.BadSignature, signature.Unsigned) as reason:
            yield f"the signature: {reason}; sign the report again"


def _list(folder: Path, report: Report) -> Iterator[str]:
    own = report.known_failures
    given = (folder / LIST).exists()
    if own.name and not given and own.name not in Installed().known_failures:
        yield f"{LIST} is absent; give the list of the run with --known-failures"
    elif given and file_digest(folder / LIST) != own.digest:
        yield f"{LIST} is not the list that the run applied; give that one"


def reproduce(report: Report) -> list[str]:
    """Return the section of README.md with which others repeat the run."""
    options = [f"--initializer={report.initializer.spec}"]
    if report.claims.sha256:
        options += [f"--claims={CLAIMS}"]
    elif report.initializer.name != "kserve":
        options += [f"--initializer-name={report.initializer.name}"]
        options += [f"--initializer-version={report.initializer.version}"]
    options += [f"--kserve={report.kserve}", f"--servers={report.environment.servers_mode}"]
    selection = report.selection
    chosen = (("profile", selection.profiles), ("store", selection.stores), ("rule", selection.rules))
    options += [f"--{name}={','.join(values)}" for name, values in chosen if values]
    options += [f"--plugin={plugin.name}" for plugin in report.environment.plugins]
    own = report.known_failures.name
    if own and own not in Installed().known_failures and not report.claims.sha256:
        options += [f"--known-failures={LIST}"]
    # The environments of tox.ini, and the folders of their reports.
    on_cluster = bool(report.environment.cluster.provider)
    environment, folder = (
        ("cluster", "conformance-report/cluster") if on_cluster else ("conformance", "conformance-report")
    )
    command = " ".join(_quoted(option) for option in options)
    return [
        "## Reproduce",
        "",
        f"With {_suite(report)}, whose files have the digest `{report.suite.build}`:",
        "",
        "```console",
        f"$ tox -e {environment} -- {command}",
        f"$ python -m reports compare {REPORT} {folder}/report.json",
        "```",
    ]


def _suite(report: Report) -> str:
    """Return the suite for Markdown, with the whole commit."""
    text = f"{plain(report.suite.name)} {plain(report.suite.version)}"
    return f"{text} at the commit `{report.suite.commit}`" if report.suite.commit else text


def _readme(report: Report, source: str) -> str:
    subject = report.initializer
    lines = [
        f"# {plain(subject.name)} {plain(subject.version)}",
        "",
        f"![{plain(badge.message(report)[1])}]({SVG})",
        "",
        f"- Program: <{source}>, `{plain(subject.digest)}`",
        f"- Rules: spec {plain(report.spec.version)} (`{report.spec.digest}`), KServe {plain(report.kserve)}",
        f"- Run: {report.environment.started}",
        "",
        "| profile | verdict | MUST cases kept |",
        "|---|---|---:|",
        *(f"| {plain(one.name)} | {one.verdict} | {one.kept} of {one.required} |" for one in report.profiles),
        "",
        *reproduce(report),
    ]
    return "\n".join(lines) + "\n"


def _quoted(option: str) -> str:
    """Quote an option for a shell, in one line that ends no code block."""
    return shlex.quote(" ".join(printable(option).split()).replace("```", ""))


def plain(text: str) -> str:
    """Return text of the report for Markdown: in one line, and without characters that start markup."""
    return re.sub(r"[<>&\[\]|`*_\\]", " ", " ".join(printable(text).split()))
