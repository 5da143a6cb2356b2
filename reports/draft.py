"""Draft a list of known failures from a report, for its owner to complete."""

from __future__ import annotations

import glob
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports.grouping import alike
from reports.model import Outcome, Report, Result
from reports.redact import printable

#: Days until the entries of a draft expire. `--known-failures` accepts at most a year.
EXPIRES = timedelta(days=180)
#: A comment shows this many characters of a message.
SHOWN = 160
_HEAD = """\
# Drafted from the report of {initializer}. Every `reason` and `reference` is empty, and the suite refuses such a list.
# For each entry: run the case alone, make sure that the initializer is wrong, then write the reason. The reference is
# the URL of an issue, or `reported to the vendor on YYYY-MM-DD`.
"""


@dataclass(frozen=True)
class _Case:
    test: str
    case: str


def draft(report: Report, today: date) -> str:
    """Return a list of known failures as YAML: an entry for each rule and cause, with an empty reason and reference.

    Core rules become comments, because no vendor's list may declare them.
    """
    failed = [result for result in report.results if result.outcome is Outcome.FAILED]
    head = _HEAD.format(initializer=printable(report.initializer.name))
    facts = _lines({"initializer": report.initializer.name, "expires": str(today + EXPIRES)})
    entries = [part for group in alike(failed) for part in _entries(report, group.cause, group.results)]
    empty = [] if any(line.startswith("  - ") for line in entries) else ["  []"]
    return head + "".join(f"{line}\n" for line in [*facts, "entries:", *entries, *empty])


def _entries(report: Report, cause: str, results: Sequence[Result]) -> Iterator[str]:
    """Return the lines of an entry for each group of stores that fail in the same cases of one rule."""
    rule = results[0].rule
    cases_of: dict[str, set[_Case]] = {}
    for result in results:
        cases_of.setdefault(result.store, set()).add(_Case(result.test, result.case))
    alike: dict[frozenset[_Case], list[str]] = {}
    for store, failing in sorted(cases_of.items()):
        alike.setdefault(frozenset(failing), []).append(store)
    for cases, where in alike.items():
        others = {
            _Case(result.test, result.case)
            for result in report.results
            if result.rule == rule and result.store in where and result.outcome is not Outcome.UNSUPPORTED
        }
        yield f"  # {report.rule(rule).title}"
        yield f"  # {printable(cause)[:SHOWN]}"
        if any(result.core for result in results):
            yield f"  # {rule} is a core rule, which no list may declare: repair it."
            continue
        entry = {"rule": rule, **_scope(where, cases, others - cases), "reason": "", "reference": ""}
        first, *rest = _lines(entry)
        yield from (f"  - {first}", *(f"    {line}" for line in rest))


def _scope(stores: Sequence[str], cases: frozenset[_Case], others: Collection[_Case]) -> dict[str, list[str]]:
    """Return the narrowest fields of an entry that cover `cases` and, if possible, none of the `others`."""
    tests, rows = {one.test for one in cases}, {glob.escape(one.case) for one in cases if one.case}
    scope = {"stores": [store for store in stores if store]}
    if any(one.test not in tests for one in others):
        scope["tests"] = sorted(tests)
    if rows and any(one.test in tests for one in others):
        scope["cases"] = sorted(rows)
    return {name: values for name, values in scope.items() if values}


def _lines(data: Mapping[str, object]) -> list[str]:
    """Return the fields as lines of YAML. JSON values are YAML values."""
    return [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in data.items()]
