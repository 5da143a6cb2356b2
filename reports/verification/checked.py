"""The result of one check of a report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reports.redact import printable

#: A text of the report that a message quotes is cut off here.
_LONGEST = 200


class Status(StrEnum):
    """The state of a check.

    open   something is missing that the check needs. That is no failure.
    other  only the version of the suite that wrote the report can make the check.
    """

    OK = "ok"
    OPEN = "open"
    OTHER = "other"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Checked:
    """The result of one check.

    name    what was checked, in one or two words.
    text    what the check found, in one line.
    remedy  what to do about it; "" if the check succeeded.
    """

    name: str
    status: Status
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.status:<6}  {self.name:<14}  {shown('; '.join(filter(None, (self.text, self.remedy))), 600)}"


def ok(name: str, text: str) -> Checked:
    """Return a check that succeeded."""
    return Checked(name, Status.OK, text)


def unknown(name: str, text: str, remedy: str) -> Checked:
    """Return a check that lacks something."""
    return Checked(name, Status.OPEN, text, remedy)


def elsewhere(name: str, text: str, remedy: str) -> Checked:
    """Return a check that another version of the suite has to make."""
    return Checked(name, Status.OTHER, text, remedy)


def failed(name: str, text: str, remedy: str) -> Checked:
    """Return a check that failed."""
    return Checked(name, Status.FAILED, text, remedy)


def shown(text: str, longest: int = _LONGEST) -> str:
    """Return text of a report for a terminal: in one line, without control characters, and not too long."""
    line = " ".join(printable(text).split())
    return line if len(line) <= longest else f"{line[:longest]}..."


def listed(names: list[str]) -> str:
    """Return the first names, and how many there are more."""
    first = ", ".join(map(shown, names[:3]))
    return f"{first} and {len(names) - 3} more" if len(names) > 3 else first
