"""Generate docs/decisions/index.md: every decision with its date and status, read from the head of its page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import links
from tools.field_reports import PagesError

FOLDER = Path(__file__).parents[1] / "docs" / "decisions"
_DAY = r"\d{4}-\d{2}-\d{2}"
_HEAD = re.compile(
    rf"# (?P<number>\d+)\. (?P<title>.+)\n\n- Date: (?P<date>{_DAY})\n"
    rf"- Status: (?P<status>accepted|amended on {_DAY}|superseded by (?P<by>\d+))\n\n"
)


@dataclass(frozen=True)
class Decision:
    """One decision. `by` is the number of the decision that supersedes it, or 0."""

    file: str
    number: int
    title: str
    date: str
    status: str
    by: int

    @classmethod
    def read(cls, path: Path) -> Decision:
        """Read the head of a decision's page. Raises PagesError if the page lacks the head that all decisions have."""
        head = _HEAD.match(path.read_text())
        if head is None or not path.name.startswith(f"{int(head['number']):04}-"):
            raise PagesError(
                f"{path.name}: begin with `# N. TITLE`, where N is the number in the file's name, a blank line, "
                "`- Date: YYYY-MM-DD`, and `- Status: accepted`, `amended on YYYY-MM-DD` or `superseded by N`"
            )
        return cls(path.name, int(head["number"]), head["title"], head["date"], head["status"], int(head["by"] or 0))


def page(folder: Path = FOLDER) -> Iterator[str]:
    """Yield the lines of the page. Raises PagesError if the decision that supersedes another does not exist."""
    decisions = [Decision.read(path) for path in sorted(folder.glob("0*.md"))]
    if lost := [each.file for each in decisions if each.by and each.by not in {other.number for other in decisions}]:
        raise PagesError(f"superseded by a decision that is not there: {', '.join(lost)}")
    yield from ("# Decisions", "")
    yield "A decision has a context, a choice and its consequences. Each page describes the suite as it is today. The"
    yield "status shows whether the page has changed since its date. [Adding to the suite](../adding.md#a-decision)"
    yield "has the form."
    yield from ("", "| number | decision | date | status |", "|---:|---|---|---|")
    for each in decisions:
        yield f"| {each.number} | [{links.cell(each.title)}]({each.file}) | {each.date} | {each.status} |"
    yield ""
