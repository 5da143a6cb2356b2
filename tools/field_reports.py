"""The field reports of docs/field-reports.yaml: what users of storage initializers ran into."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

PATH = Path(__file__).parents[1] / "docs" / "field-reports.yaml"
_ISSUE = re.compile(r"[\w.-]+/[\w.-]+#\d+")


class PagesError(Exception):
    """Rules, tests, field reports and decisions contradict each other; the text names the id and the remedy."""


@dataclass(frozen=True)
class FieldReport:
    """What a user reported.

    issue  the public issue or pull request behind it, `owner/name#number`; "" where none is known.
    later  the part to come that it, or the `rest` of it, belongs to; "" for none.
    """

    id: str
    says: str
    issue: str = ""
    later: str = ""
    rest: str = ""


@dataclass(frozen=True)
class FieldReports:
    """All field reports. `parts`: name of a part to come -> its title; `groups`: title -> reports."""

    parts: Mapping[str, str]
    groups: Mapping[str, Sequence[FieldReport]]

    @classmethod
    def load(cls, path: Path = PATH) -> FieldReports:
        """Raises PagesError for an id that is used twice, an unknown part and an issue in another form."""
        data = yaml.load(path.read_text(), yaml.CSafeLoader)
        groups = {
            group["title"]: [FieldReport(name, **fields) for name, fields in group["reports"].items()]
            for group in data["groups"]
        }
        reports = cls(data["parts"], groups)
        counted = Counter(report.id for report in reports)
        if twice := [name for name, count in counted.items() if count > 1]:
            raise PagesError(f"{path.name}: used twice: {', '.join(twice)}")
        if unknown := [report.id for report in reports if report.later and report.later not in reports.parts]:
            raise PagesError(f"{path.name}: the part named as `later` is unknown: {', '.join(unknown)}")
        if broken := [report.id for report in reports if report.issue and not _ISSUE.fullmatch(report.issue)]:
            raise PagesError(f"{path.name}: an issue is owner/name#number: {', '.join(broken)}")
        return reports

    def __iter__(self) -> Iterator[FieldReport]:
        return (report for group in self.groups.values() for report in group)
