"""Read reports, and reject those that cannot be trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from reports.model import Report, digest, from_json
from reports.verdict import profiles
from reports.versions import unknown, upgraded

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))


class UnreadableReport(Exception):
    """This release cannot read a report at the path; the message is one line with the reason."""


class CorruptReport(Exception):
    """The file is not a whole, unedited report; the message is one line with the reason."""


def load(path: Path) -> Report:
    """Read a report and verify its shape and its footer.

    Reports of older versions are converted to the present version. A report of a run that was cut off loads as well;
    its footer has `complete` set to False. Raises UnreadableReport or CorruptReport.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableReport(f"{path} cannot be read: {error}") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CorruptReport(f"{path} is cut off or not JSON: {error}") from error
    if version := unknown(data):
        raise UnreadableReport(f"{path} is of version {version}, which this suite does not know: use a newer one")
    present = upgraded(data)
    validate(present, str(path))
    report = from_json(Report, present)
    if report.footer.results != len(report.results):
        raise CorruptReport(
            f"{path}: the footer counts {report.footer.results} results, but the file has {len(report.results)}"
        )
    if report.footer.digest != digest(data):
        raise CorruptReport(f"{path} was edited after the run: its digest differs from the one in its footer")
    return report


def validate(data: object, name: str) -> None:
    """Validate JSON data against the schema. Raises CorruptReport, with the JSON path of the worst error."""
    problems = jsonschema.Draft202012Validator(SCHEMA).iter_errors(data)
    worst = jsonschema.exceptions.best_match(problems)
    if worst is not None:
        raise CorruptReport(f"{name} is no {SCHEMA['title']}: {worst.json_path}: {worst.message[:300]}")


def check(path: Path) -> Report:
    """Load a report like `load`, with stricter checks.

    Raises CorruptReport also if the run was cut off, if a case occurs twice, or if a verdict does not follow from the
    results.
    """
    report = load(path)
    if not report.footer.complete:
        raise CorruptReport(f"{path} is of a run that was cut off after {len(report.results)} results")
    if len({result.key for result in report.results}) != len(report.results):
        raise CorruptReport(f"{path} contains a case twice")
    expected = {profile.name: profile for profile in profiles(report.results, report.selection, complete=True)}
    given = {profile.name: profile for profile in report.profiles}
    for name in sorted(expected.keys() | given.keys()):
        said, follows = given.get(name), expected.get(name)
        if said != follows:
            raise CorruptReport(
                f"{path}: profile {name} has the verdict {said.verdict if said else 'absent'},"
                f" but its results give {follows.verdict if follows else 'absent'}"
            )
    return report
