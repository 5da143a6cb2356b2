"""Rules by releases: several reports in one table, as a page, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from reports.compare import Change, compare
from reports.model import Level, Outcome, Report, Result, Rule
from reports.page import SYMBOLS, anchor, environment

#: Outcomes with which a rule counts as kept.
_KEPT = (Outcome.PASSED, Outcome.FIXED)


@dataclass(frozen=True)
class Cell:
    """A rule in one report, on one store or on all.

    kept, judged  the number of cases that passed, and of those that passed or failed.
    href          the place in the report's page; "" if the page is not beside the matrix.
    """

    outcome: Outcome
    kept: int
    judged: int
    href: str = ""

    @property
    def text(self) -> str:
        return f"{self.kept}/{self.judged}" if 0 < self.judged != self.kept else ""


@dataclass(frozen=True)
class Row:
    """A rule on one store; `store` is "" for the rule on all of its stores. A cell is None without a result."""

    rule: Rule
    store: str
    cells: Sequence[Cell | None]

    @property
    def broken(self) -> bool:
        """Whether a case failed in some report."""
        return any(cell and cell.kept < cell.judged for cell in self.cells)


@dataclass(frozen=True)
class Column:
    """A report, and the path from the matrix to its page; "" for no link."""

    report: Report
    page: str = ""

    @property
    def title(self) -> str:
        return f"{self.report.initializer.name} {self.report.initializer.version}"


@dataclass(frozen=True)
class Step:
    """A rule that broke, or was fixed, from one column to the next, with its stores."""

    change: Change
    rule: str
    stores: Sequence[str]
    cases: int


@dataclass(frozen=True)
class Matrix:
    """The table. `steps` maps the title of each column but the first to the changes since the one before."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    steps: Mapping[str, Sequence[Step]]

    @property
    def stores(self) -> list[str]:
        return sorted({row.store for row in self.rows if row.store})

    @property
    def rules(self) -> list[Row]:
        """The rows of whole rules."""
        return [row for row in self.rows if not row.store]


def matrix(columns: Sequence[Column]) -> Matrix:
    """Put the reports side by side, in this order. Rules without a result in any of them are left out."""
    rules = {rule.id: rule for column in columns for rule in column.report.rules}
    found: dict[str, list[dict[str, list[Result]]]] = {}
    for number, column in enumerate(columns):
        for result in column.report.results:
            cells = found.setdefault(result.rule, [{} for _ in columns])
            cells[number].setdefault(result.store, []).append(result)
    rows = [row for rule in sorted(found) for row in _rows(rules[rule], found[rule], columns)]
    steps = {new.title: list(_steps(old.report, new.report)) for old, new in pairwise(columns)}
    return Matrix(columns, rows, steps)


def _rows(rule: Rule, results: Sequence[Mapping[str, Sequence[Result]]], columns: Sequence[Column]) -> Iterator[Row]:
    whole = [[result for some in of_column.values() for result in some] for of_column in results]
    yield Row(rule, "", [_cell(some, rule.id, column) for some, column in zip(whole, columns, strict=True)])
    for store in sorted({store for of_column in results for store in of_column if store}):
        place = anchor(rule.id, store)
        cells = [_cell(one.get(store, []), place, column) for one, column in zip(results, columns, strict=True)]
        yield Row(rule, store, cells)


def _cell(results: Sequence[Result], place: str, column: Column) -> Cell | None:
    if not results:
        return None
    count = Counter(result.outcome for result in results)
    kept = sum(count[outcome] for outcome in _KEPT)
    judged = kept + count[Outcome.FAILED] + count[Outcome.KNOWN_FAILURE]
    worst = next(outcome for outcome in Outcome if count[outcome])
    return Cell(worst, kept, judged, f"{column.page}#{place}" if column.page else "")


def _steps(old: Report, new: Report) -> Iterator[Step]:
    changed = [one for one in compare(old, new) if one.change in (Change.BROKE, Change.FIXED)]
    for (change, rule), group in groupby(changed, key=lambda one: (one.change, one.case.rule)):
        cases = [one.case for one in group]
        yield Step(change, rule, sorted({case.store for case in cases if case.store}), len(cases))


def page(table: Matrix) -> str:
    """Return the matrix as one HTML file without scripts."""
    areas = [(area, list(rows)) for area, rows in groupby(table.rows, key=lambda row: row.rule.area)]
    return (
        environment()
        .get_template("matrix.html.j2")
        .render(table=table, areas=areas, symbols=SYMBOLS, outcomes=list(Outcome), levels=list(Level))
    )


def markdown(table: Matrix) -> str:
    """Return the rules that some release breaks, and the changes, as Markdown."""
    broken = [row for row in table.rules if row.broken]
    head = "| rule | level | " + " | ".join(column.title for column in table.columns) + " |"
    lines = [head, "|---|---|" + "---|" * len(table.columns)]
    lines += [f"| {row.rule.id} {row.rule.title} | {row.rule.level} | {_cells(row)} |" for row in broken]
    kept = len(table.rules) - len(broken)
    lines += ["", f"The other {kept} rules have no failure. `12/14`: 12 of 14 cases passed.", ""]
    for title, steps in table.steps.items():
        lines += [f"## {title}", "", *(_line(step) for step in steps), *([] if steps else ["No change."]), ""]
    return "\n".join(lines)


def _cells(row: Row) -> str:
    return " | ".join("" if cell is None else cell.text or SYMBOLS[cell.outcome] for cell in row.cells)


def _line(step: Step) -> str:
    where = f" on {', '.join(step.stores)}" if step.stores else ""
    return f"- {step.change}: {step.rule}{where}, {step.cases} cases"


def data(table: Matrix) -> str:
    """Return the matrix as JSON: `columns`, `rows` with a cell for each column, and `steps`."""
    rows = [
        {
            "rule": row.rule.id,
            "level": row.rule.level,
            "store": row.store,
            "cells": [
                cell and {"outcome": cell.outcome, "kept": cell.kept, "judged": cell.judged} for cell in row.cells
            ],
        }
        for row in table.rows
    ]
    columns = [
        {"initializer": column.title, "kserve": column.report.kserve, "spec": column.report.spec.digest}
        for column in table.columns
    ]
    steps = {
        title: [
            {"change": one.change, "rule": one.rule, "stores": list(one.stores), "cases": one.cases} for one in changes
        ]
        for title, changes in table.steps.items()
    }
    return json.dumps({"columns": columns, "rows": rows, "steps": steps}, indent=1) + "\n"
