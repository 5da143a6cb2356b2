"""Check whether a report agrees with itself. These checks need nothing but the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reports.model import Level, Outcome, Report, Result, Verdict
from reports.verdict import profiles
from reports.verification import claims
from reports.verification.checked import Checked, failed, listed, ok

#: The rule of a result that stands for a crash of the suite itself.
HARNESS = "HARNESS-000"

_AGAIN = "get the report as the run wrote it, or run the suite again"
#: Outcome -> fields of a result that it fills in, and fields that it leaves empty.
_FIELDS: dict[Outcome, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Outcome.PASSED: ((), ("message", "reason", "reference")),
    Outcome.FAILED: (("message",), ()),
    Outcome.ERROR: (("message",), ()),
    Outcome.KNOWN_FAILURE: (("reason", "reference"), ()),
    Outcome.FIXED: (("reason",), ()),
    Outcome.NOT_RUN: (("reason",), ("message",)),
    Outcome.UNSUPPORTED: (("reason",), ("message",)),
}


def checks(report: Report) -> Iterator[Checked]:
    """Yield the results of all checks of a report by itself."""
    yield _whole(report)
    yield _cases(report)
    yield _outcomes(report)
    yield _levels(report)
    yield claims.alone(report)
    yield _verdicts(report)


def _whole(report: Report) -> Checked:
    if not report.footer.complete:
        text = f"the run was cut off after {len(report.results)} results"
        return failed("run", text, "run the suite again, and let it end")
    return ok("run", f"it ended; {len(report.results)} results and the footer's digest agree")


def _cases(report: Report) -> Checked:
    counted = Counter(result.key for result in report.results)
    if twice := [f"{key[0]} {key[1]}[{key[2]}]" for key, number in counted.items() if number > 1]:
        return failed("cases", f"the report contains a case twice: {listed(twice)}", _AGAIN)
    return ok("cases", "each occurs once")


def _outcomes(report: Report) -> Checked:
    """A failure has a message, and a case that passed has none; a case that was not judged has a reason."""
    if odd := [problem for result in report.results if (problem := _odd(result))]:
        return failed("outcomes", f"results contradict themselves: {listed(odd)}", _AGAIN)
    return ok("outcomes", "each result has the message and the reason that its outcome requires")


def _odd(result: Result) -> str:
    filled, empty = _FIELDS[result.outcome]
    name = f"{result.rule} {result.store} {result.name}"
    for field in filled:
        if not getattr(result, field):
            return f"{name} is {result.outcome} without a {field}"
    for field in empty:
        if getattr(result, field):
            return f"{name} is {result.outcome} with a {field}"
    return ""


def _levels(report: Report) -> Checked:
    """Every result has the level of its rule, as the report itself lists the rules."""
    rules = {rule.id: (rule.level, rule.core) for rule in report.rules}
    rules[HARNESS] = (Level.MUST, False)
    if other := sorted({r.rule for r in report.results if rules.get(r.rule) != (r.level, r.core)}):
        return failed("levels", f"results and rules of the report differ in {listed(other)}", _AGAIN)
    return ok("levels", f"results have the levels of their {len(report.rules)} rules")


def _verdicts(report: Report) -> Checked:
    follow = profiles(report.results, report.selection, report.features, complete=True)
    expected = {profile.name: profile for profile in follow}
    given = {profile.name: profile for profile in report.profiles}
    for name in sorted(expected.keys() | given.keys()):
        said, follows = given.get(name), expected.get(name)
        if said != follows:
            text = (
                f"profile {name} has the verdict {said.verdict if said else 'absent'},"
                f" but its results give {follows.verdict if follows else 'absent'}"
            )
            if said and follows and said.verdict == follows.verdict:
                text = f"the counts of profile {name} do not follow from its results"
            return failed("verdicts", text, _AGAIN)
    counted = Counter(profile.verdict for profile in report.profiles)
    words = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
    return ok("verdicts", f"they follow from the results: {words or 'none'}")
