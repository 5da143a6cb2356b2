"""Read reports, and reject those that cannot be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from reports.model import Report, digest, from_json
from reports.redact import printable
from reports.verification import alone
from reports.verification.checked import Status
from reports.versions import unknown, upgraded

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
#: A report of 2,000 results with long messages has about 5 MB.
LARGEST = 64 << 20


class UnreadableReport(Exception):
    """This release cannot read a report at the path; the message is one line with the reason."""


class CorruptReport(Exception):
    """The file is not a whole report as a run wrote it; the message is one line with the reason."""


def load(path: Path) -> Report:
    """Read a report and verify its shape and its footer.

    Reports of older versions are converted to the present version. A report of a run that was cut off loads as well;
    its footer has `complete` set to False. Raises UnreadableReport or CorruptReport.
    """
    data = parsed(path)
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


def parsed(path: Path) -> Any:  # noqa: ANN401 - JSON data
    """Return the JSON data of a file. Raises UnreadableReport or CorruptReport."""
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableReport(f"{path} is larger than {LARGEST >> 20} MiB; no run writes such a report")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableReport(f"{path} cannot be read: {error}") from error
    try:
        data = json.loads(text, object_pairs_hook=_fields)
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise CorruptReport(f"{path} contains half of a character: {error.reason}") from error
    except ValueError as error:
        raise CorruptReport(f"{path} is cut off or not JSON: {error}") from error
    except RecursionError as error:
        raise CorruptReport(f"{path} is nested too deeply for a report") from error
    return data


def _fields(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises ValueError for a field that occurs twice: other readers may take the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field occurs twice in one object")
    return found


def validate(data: object, name: str) -> None:
    """Validate JSON data against the schema. Raises CorruptReport, with the JSON path of the worst error."""
    worst = jsonschema.exceptions.best_match(_validator().iter_errors(data))
    if worst is not None:
        reason = printable(f"{worst.json_path}: {worst.message[:300]}")
        raise CorruptReport(f"{name} is no {SCHEMA['title']}: {reason}")


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_inlined(SCHEMA))


def _inlined(schema: Any) -> Any:  # noqa: ANN401 - JSON data
    """Replace every reference by its definition. jsonschema resolves a reference anew for each result."""
    if isinstance(schema, list):
        return [_inlined(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    own = {name: _inlined(part) for name, part in schema.items() if name not in {"$ref", "$defs"}}
    if "$ref" not in schema:
        return own
    return _inlined(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]) | own


def check(path: Path) -> Report:
    """Load a report like `load`. Raises CorruptReport also if the report contradicts itself, or its run was cut off."""
    report = load(path)
    for checked in alone.checks(report):
        if checked.status is Status.FAILED:
            raise CorruptReport(f"{path}: {checked.text}; {checked.remedy}")
    return report
