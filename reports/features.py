"""Describe the optional features of a report for people: claimed and observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.claims import Feature, Observed
from reports.model import Report
from reports.terminal import HEADING, paint, wrapped

#: The claim of a feature that needs a note -> the note.
NOTES = {
    (True, Observed.NEVER): "run its cases, or drop the claim",
    (False, Observed.WORKS): "you may claim it",
}


def claim(feature: Feature) -> str:
    """Return whether a feature is claimed, in words."""
    return "claimed" if feature.claimed else "not claimed"


def shown(feature: Feature) -> str:
    """Return what the cases of a feature showed, in words."""
    counts = f", {feature.passed} of {feature.judged} cases passed" if feature.judged else ""
    return f"{feature.observed}{counts}"


def note(feature: Feature) -> str:
    """Return what a claim leaves to do; "" for nothing."""
    return NOTES.get((feature.claimed, feature.observed), "")


def concerned(report: Report) -> list[Feature]:
    """Return the features that are claimed, or that the run exercised."""
    return [feature for feature in report.features if feature.claimed or feature.judged]


def lines(report: Report, colour: bool, width: int) -> Iterator[str]:
    """Yield the table of features for a terminal. Without claims, one sentence for an initializer of one's own."""
    features = concerned(report)
    if not report.claims.sha256:
        yield from _detected(report, width)
    elif features:
        yield from ("", paint(f"FEATURES: claimed by {report.claims.file}, and observed", HEADING, colour))
        column = max(len(feature.name) for feature in features)
        for feature in features:
            rest = f"  ({note(feature)})" if note(feature) else ""
            line = f"{feature.name:<{column}}  {claim(feature):<11}  {shown(feature)}{rest}"
            yield from wrapped(line, width, "  ", column + 2)


def _detected(report: Report, width: int) -> Iterator[str]:
    works = [feature.name for feature in report.features if feature.observed is Observed.WORKS]
    lacks = [feature.name for feature in report.features if feature.observed in {Observed.IN_PART, Observed.ABSENT}]
    if report.initializer.name != "kserve" and (works or lacks):
        text = f"Features that work: {_listed(works)}; that do not, or only in part: {_listed(lacks)}."
        yield ""
        yield from wrapped(f"{text} `python -m conformance init --from REPORT.json` drafts claims.", width, hang=2)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
