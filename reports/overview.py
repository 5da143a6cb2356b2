"""The first screen of a report: a table with a row for each store, and a verdict and counts for each profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.gaps import Gap, Lack, gaps
from reports.model import Outcome, Report, Server, Verdict

#: The order of the columns; other profiles follow after these.
FAMILIES = ("download", "faults", "throughput", "security", "injection", "flow", "llm", "cache")


@dataclass(frozen=True)
class Cell:
    """A profile on a store.

    profile   `download/s3`, or `download` if none of its rules needs a store.
    verdict   None if every case is unsupported.
    counts    the number of cases with each outcome.
    gaps      what an incomplete profile lacks, the largest gap first.
    note      the number of the note on the first gap; 0 for none.
    kept      how many cases of MUST rules passed.
    required  the number of cases of MUST rules.
    """

    profile: str
    verdict: Verdict | None
    counts: Mapping[str, int]
    gaps: Sequence[Gap] = ()
    note: int = 0
    kept: int = 0
    required: int = 0

    @property
    def left_out(self) -> int:
        """Return the number of required (rule, store) pairs that the selection left out."""
        return sum(len(gap.missing) for gap in self.gaps if gap.lack is Lack.LEFT_OUT)


@dataclass(frozen=True)
class Row:
    """A row of the table. `store` is "" for rules that need no store; a cell is None if the run has no case for it."""

    store: str
    servers: Sequence[Server]
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Note:
    """A cause that incomplete cells share. For each of these cells, it explains most of the missing results."""

    number: int
    gap: Gap
    profiles: Sequence[str]


@dataclass(frozen=True)
class Overview:
    """The table. `families` are its columns; `notes` are the causes of incomplete cells, the most frequent first."""

    families: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[Note]

    @property
    def cells(self) -> list[Cell]:
        """Return all cells, row by row."""
        return [cell for row in self.rows for cell in row.cells if cell]


def overview(report: Report) -> Overview:
    """Return the table of a report."""
    missing = {one.name: gaps(report, one.name) for one in report.profiles if one.verdict is Verdict.INCOMPLETE}
    notes = _notes(missing)
    numbers = {profile: note.number for note in notes for profile in note.profiles}
    cells = {
        one.name: Cell(
            one.name,
            one.verdict,
            one.counts,
            missing.get(one.name, ()),
            numbers.get(one.name, 0),
            one.kept,
            one.required,
        )
        for one in report.profiles
    }
    cells |= {name: Cell(name, None, counts) for name, counts in _unsupported(report).items()}
    named = {name.partition("/")[0] for name in cells}
    families = [*(name for name in FAMILIES if name in named), *sorted(named - set(FAMILIES))]
    stores = sorted({name.partition("/")[2] for name in cells}, key=lambda store: (not store, store))
    rows = [
        Row(
            store,
            report.servers_of(store),
            [cells.get(f"{family}/{store}" if store else family) for family in families],
        )
        for store in stores
    ]
    return Overview(families, rows, notes)


def _notes(missing: Mapping[str, Sequence[Gap]]) -> list[Note]:
    """Take the first gap of each profile, and merge gaps with the same cause into one note."""
    found: dict[tuple[str, str], list[tuple[str, Gap]]] = {}
    for profile, of_profile in missing.items():
        for gap in of_profile[:1]:
            found.setdefault((gap.lack, gap.cause), []).append((profile, gap))
    by_size = sorted(found.values(), key=lambda group: -len(group))
    return [
        Note(
            number,
            Gap(group[0][1].lack, group[0][1].cause, frozenset().union(*(gap.missing for _, gap in group))),
            [profile for profile, _ in group],
        )
        for number, group in enumerate(by_size, 1)
    ]


def _unsupported(report: Report) -> dict[str, Mapping[str, int]]:
    """Return the counts of profiles without a verdict, because all of their cases are unsupported."""
    judged = {profile.name for profile in report.profiles}
    families = {name.partition("/")[0] for name in judged}
    names = Counter(result.profile for result in report.results if result.outcome is Outcome.UNSUPPORTED)
    return {
        name: {Outcome.UNSUPPORTED: count}
        for name, count in names.items()
        if name not in judged and ("/" in name or name not in families)
    }
