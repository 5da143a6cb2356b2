"""The table of a report's first screen, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from reports.model import Outcome, Verdict
from reports.overview import Cell, Overview, Row
from reports.terminal import HEADING, paint, wrapped

_BETWEEN = "  "
_COLOURS = {
    Verdict.CONFORMANT: "1;32",
    Verdict.KNOWN_FAILURES: "1;33",
    Verdict.INCOMPLETE: "1;35",
    Verdict.NONCONFORMANT: "1;31",
}
#: Word for each outcome that a cell counts.
_COUNTED = {
    Outcome.FAILED: "failed",
    Outcome.ERROR: "error",
    Outcome.FIXED: "fixed",
    Outcome.KNOWN_FAILURE: "known",
    Outcome.NOT_RUN: "not run",
}


def table_lines(table: Overview, colour: bool, width: int) -> Iterator[str]:
    """Yield the table of stores and profiles, with two or more lines for each store.

    Columns that exceed `width` follow in further tables below, which omit stores without a case in these columns.
    """
    heads = [_head(row) for row in table.rows]
    first = max((len(text) for head in heads for text in head), default=0)
    fits = (width - first) // max(len(table.families), 1) - len(_BETWEEN)
    longest = max((len(" ".join(_counts(cell))) for cell in table.cells), default=0)
    room = max(min(fits, longest), *(len(_word(cell)) for cell in table.cells), *map(len, table.families), 0)
    beside = max((width - first) // (room + len(_BETWEEN)), 1)
    for start in range(0, len(table.families), beside):
        shown = slice(start, start + beside)
        heading = _BETWEEN.join(["".ljust(first), *(family.ljust(room) for family in table.families[shown])])
        yield from ("", paint(heading.rstrip(), HEADING, colour))
        for row, head in zip(table.rows, heads, strict=True):
            if any(row.cells[shown]):
                yield from _row(row.cells[shown], head, first, room, colour)
    if any(cell.verdict is Verdict.KNOWN_FAILURES for cell in table.cells):
        yield from wrapped(f"* {Verdict.KNOWN_FAILURES}: each failure is listed with its reason", width, hang=2)
    for note in table.notes:
        yield from wrapped(f"[{note.number}] {note.gap.sentence}", width, hang=4)


def _head(row: Row) -> list[str]:
    """Return the store, and the fidelity of its servers."""
    fidelity = ", ".join(dict.fromkeys(server.fidelity for server in row.servers))
    return [row.store or "any store", *([f"  {fidelity}"] if fidelity else [])]


def _row(cells: Sequence[Cell | None], head: Sequence[str], first: int, room: int, colour: bool) -> Iterator[str]:
    blocks = [[_word(cell), *_packed(_counts(cell), room)] if cell else ["-"] for cell in cells]
    styles = [_COLOURS.get(cell.verdict, "") if cell and cell.verdict else "" for cell in cells]
    for number, (name, *texts) in enumerate(zip_longest(head, *blocks, fillvalue="")):
        padded = [
            paint(text, style, colour and number == 0) + " " * (room - len(text))
            for text, style in zip(texts, styles, strict=True)
        ]
        yield _BETWEEN.join([name.ljust(first), *padded]).rstrip()


def _word(cell: Cell) -> str:
    """Return the verdict; in capitals if the profile is incomplete or nonconformant."""
    match cell.verdict:
        case None:
            return Outcome.UNSUPPORTED
        case Verdict.KNOWN_FAILURES:
            return f"{Verdict.CONFORMANT}*"
        case Verdict.INCOMPLETE:
            return f"{cell.verdict.upper()} [{cell.note}]"
        case Verdict.NONCONFORMANT:
            return cell.verdict.upper()
        case _:
            return cell.verdict


def _counts(cell: Cell) -> list[str]:
    """Return the counts, such as `2 failed,` `16 known` `of 89`; or `74 passed` if every case passed."""
    unsupported = cell.counts[Outcome.UNSUPPORTED]
    if cell.verdict is None:
        return [f"{unsupported} case{'s' if unsupported != 1 else ''}"]
    total = sum(cell.counts.values()) - unsupported
    told = [f"{cell.counts[outcome]} {word}" for outcome, word in _COUNTED.items() if cell.counts[outcome]]
    if not told:
        return [f"{total} passed"]
    share = [f"of {total};", f"MUST {cell.kept}/{cell.required}"] if cell.kept < cell.required else [f"of {total}"]
    return [*(f"{one}," for one in told[:-1]), *told[-1:], *share]


def _packed(pieces: Sequence[str], room: int) -> list[str]:
    """Join the pieces into lines of at most `room` columns."""
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + 1 + len(piece) <= room:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines
