"""Read docs/field-reports.yaml: the problems that users of storage initializers reported."""

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
    """Rules, tests, field reports or decisions contradict each other; the message names the id and the remedy."""


@dataclass(frozen=True)
class FieldReport:
    """A problem that a user reported.

    issue  the public issue or pull request, as `owner/name#number`; "" if none is known.
    later  the later part of the suite that will cover the report, or its `rest`; "" for none.
    rest   what no rule covers yet; with `outside`, what no rule will cover, and why.
    """

    id: str
    says: str
    issue: str = ""
    later: str = ""
    rest: str = ""


@dataclass(frozen=True)
class FieldReports:
    """All field reports. `parts` maps each later part to its title; `groups` maps each title to its reports."""

    parts: Mapping[str, str]
    groups: Mapping[str, Sequence[FieldReport]]

    @classmethod
    def load(cls, path: Path = PATH) -> FieldReports:
        """Read the file. Raises PagesError for a duplicate id, an unknown part, or an issue in another form."""
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
