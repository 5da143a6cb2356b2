"""Summarise in a few sentences what the reader of a report must act on, or state that nothing needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.gaps import Lack, command_line, restrictions
from reports.model import Outcome, Report, Result, Verdict
from reports.overview import Overview
from reports.verdict import breaks_core, members, narrowed, unexercised

#: Up to this many names are listed; beyond it, only their number.
NAMED = 4
UNISOLATED = "The suite cannot detect writes outside the initializer's folders."


@dataclass(frozen=True)
class Point:
    """One sentence that needs attention, and its bold lead.

    outcome  the outcome that gives the point its symbol and colour.
    anchor   the place on the HTML page with more detail; "" for none.
    detail   the end of the sentence for readers who do not see the table.
    """

    outcome: Outcome
    lead: str
    text: str
    anchor: str = ""
    detail: str = ""


def points(report: Report, table: Overview) -> list[Point]:
    """Return the points that need attention, the most urgent first; never an empty list."""
    found = [*_of_the_run(report), *_of_results(report), *_of_features(report)]
    found += [*_of_the_selection(report), *_of_verdicts(report, table)]
    if not report.results and report.footer.complete:
        found.append(Point(Outcome.NOT_RUN, "No result", "the run judged no case."))
    calm = "every case that ran passed, or is a listed known failure."
    return found or [Point(Outcome.PASSED, "Nothing needs attention", calm)]


def scope(report: Report) -> str:
    """Return a sentence on the selection if the run tested all of the selected profiles; "" for other runs.

    Other runs are those of the whole suite, and partial runs, which left out a part of a profile.
    """
    options = _named(report)
    if not options or _partial(report):
        return ""
    return f"Selected: {command_line(options)}. Other stores and profiles have no verdict."


def where(results: Sequence[Result]) -> str:
    """Name the rules and stores of `results`, or count them if there are more than NAMED."""
    rules = sorted({result.rule for result in results})
    stores = sorted({result.store for result in results if result.store})
    return _listed(rules, "rules") + (f" on {_listed(stores, 'stores')}" if stores else "")


def _of_the_run(report: Report) -> Iterator[Point]:
    if not report.footer.complete:
        made = f"the run did not finish; the report has the first {len(report.results)} results."
        yield Point(Outcome.ERROR, "Cut off", made)


def _of_results(report: Report) -> Iterator[Point]:
    for outcome, lead, rest in (
        (Outcome.FAILED, "Unexpected failures", ""),
        (Outcome.ERROR, "Errors", ": the suite or a server failed, not the initializer"),
        (Outcome.FIXED, "Known failures that passed", ": remove their entries from the list, or narrow them"),
    ):
        results = [result for result in report.results if result.outcome is outcome]
        if results:
            yield Point(outcome, lead, f"{_count(len(results), 'case')} of {where(results)}{rest}.", outcome)
    if core := [result for result in report.results if breaks_core(result)]:
        text = f"{_count(len(core), 'case')} of {where(core)}; a profile with a broken core rule is nonconformant."
        yield Point(Outcome.KNOWN_FAILURE, "Core rules broken", text)
    if report.stale:
        text = f"no case of this run matches {', '.join(report.stale)}; remove these from the list of known failures."
        yield Point(Outcome.FIXED, "Stale known failures", text)


def _of_features(report: Report) -> Iterator[Point]:
    """Yield a point on claims without evidence, unless the selection of a partial run explains them."""
    if _partial(report):
        return
    missing = [unexercised(report.features, members(report, one.name), one.name) for one in report.profiles]
    idle = [
        feature.name
        for feature in report.features
        if feature.claimed and any(feature.name in names for names in missing)
    ]
    if idle:
        text = f"{_listed(idle, 'features')}; a claim counts only when a case of the profile exercises it."
        yield Point(Outcome.NOT_RUN, "Claimed, never exercised", text, "features")


def _of_the_selection(report: Report) -> Iterator[Point]:
    if _partial(report):
        chosen = report.selection
        cases, rules = _count(chosen.cases_left_out, "case"), _count(chosen.rules_left_out, "rule")
        more = f" A whole run adds {cases} of {rules}." if chosen.cases_left_out else ""
        yield Point(Outcome.NOT_RUN, "Partial run", f"{command_line(_named(report))}.{more}")


def _of_verdicts(report: Report, table: Overview) -> Iterator[Point]:
    """Yield a point on incomplete verdicts, unless the selection or the early end of the run explains them all."""
    explained = {Lack.CUT_OFF, *([Lack.LEFT_OUT] if _partial(report) else [])}
    first = next((note for note in table.notes if note.gap.lack not in explained), None)
    if first is None:
        return
    incomplete = [cell for cell in table.cells if cell.verdict is Verdict.INCOMPLETE]
    judged = sum(cell.verdict is not None for cell in table.cells)
    of_them = "all" if len(first.profiles) == len(incomplete) else f"{len(first.profiles)} of them"
    share = f", {of_them} mainly because of" if len(incomplete) > 1 else ""
    text = f"{len(incomplete)} of {_count(judged, 'verdict')}{share} [{first.number}]"
    yield Point(Outcome.NOT_RUN, "Incomplete", text, f"note-{first.number}", f": {first.gap.sentence}")


def _partial(report: Report) -> bool:
    """Return whether the user left out a part of a profile that has a verdict in this report."""
    chosen = report.selection
    return bool(restrictions(chosen)) and any(narrowed(chosen, profile.name) for profile in report.profiles)


def _named(report: Report) -> list[str]:
    """Return the selection as command line options; those that leave out whole profiles come first."""
    chosen = report.selection
    whole = (("--profile", chosen.profiles), ("--store", chosen.stores))
    return [*(f"{option} {','.join(values)}" for option, values in whole if values), *restrictions(chosen)]


def _listed(names: Sequence[str], many: str) -> str:
    if len(names) > NAMED:
        return f"{len(names)} {many}"
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _count(count: int, of: str) -> str:
    return f"{count} {of}{'s' if count != 1 else ''}"
