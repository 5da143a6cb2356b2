"""Derive the verdict of each profile from its results. Only MUST rules decide; SHOULD and MAY rules are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reports.claims import Feature, Observed
from reports.metrics import Metrics
from reports.model import Footer, Level, Outcome, Profile, Report, Result, Selection, Verdict

#: Outcomes of cases that judged the initializer.
EXECUTED = {Outcome.PASSED, Outcome.FIXED, Outcome.FAILED, Outcome.KNOWN_FAILURE}
#: Outcomes of cases that show a kept rule.
KEPT = {Outcome.PASSED, Outcome.FIXED}
UNDECIDED = {Outcome.ERROR, Outcome.NOT_RUN}


def verdict(results: Iterable[Result], *, partial: bool) -> Verdict:
    """Return the verdict on the results of one profile.

    partial  whether the selection or an early end of the run left out anything that the profile requires.
    """
    results = list(results)
    must = {result.outcome for result in results if result.level is Level.MUST}
    if Outcome.FAILED in must or any(map(breaks_core, results)):
        return Verdict.NONCONFORMANT
    if partial or must & UNDECIDED or not must & EXECUTED:
        return Verdict.INCOMPLETE
    if Outcome.KNOWN_FAILURE in must:
        return Verdict.KNOWN_FAILURES
    return Verdict.CONFORMANT


def breaks_core(result: Result) -> bool:
    """Return whether the result is a listed failure of a core rule, which still makes the profile nonconformant."""
    return result.core and result.outcome is Outcome.KNOWN_FAILURE


def profiles(
    results: Iterable[Result], selection: Selection, features: Sequence[Feature], *, complete: bool
) -> tuple[Profile, ...]:
    """Return a profile for each name with a result other than `unsupported`. A cut-off run has `complete` False."""
    results = tuple(results)
    names = sorted({result.profile for result in results if result.outcome is not Outcome.UNSUPPORTED})
    stores = [name for name in names if "/" in name]
    shared = [name for name in names if "/" not in name and not any(counts_in(name, store) for store in stores)]
    return tuple(_profile(name, results, selection, features, complete=complete) for name in sorted(stores + shared))


def finish(draft: Report, results: Iterable[Result], metrics: Metrics, *, complete: bool = True) -> Report:
    """Return the report of a finished run: sorted results (by rule, store and test), features, profiles, and so on."""
    ordered = tuple(sorted(results, key=lambda r: (r.rule, r.store, r.test, r.case, r.server, r.route)))
    seen = {result.rule for result in ordered}
    return replace(
        draft,
        rules=tuple(rule for rule in draft.rules if rule.id in seen),
        profiles=profiles(ordered, draft.selection, draft.features, complete=complete),
        results=ordered,
        features=tuple(observed(feature, ordered) for feature in draft.features),
        metrics=metrics,
        footer=Footer(complete=complete),
    )


def observed(feature: Feature, results: Iterable[Result]) -> Feature:
    """Return the feature with what its cases showed."""
    outcomes = [result.if_claimed or result.outcome for result in results if result.needs == feature.name]
    judged = sum(outcome in EXECUTED for outcome in outcomes)
    passed = sum(outcome in KEPT for outcome in outcomes)
    shown = Observed.WORKS if passed == judged else Observed.IN_PART if passed else Observed.ABSENT
    return replace(feature, observed=shown if judged else Observed.NEVER, passed=passed, judged=judged)


def unexercised(features: Iterable[Feature], results: Iterable[Result], profile: str) -> list[str]:
    """Return the claimed features with cases in `profile` of which none judged the initializer.

    results  those that count in the profile.
    """
    shown = {result.needs for result in results if result.outcome in EXECUTED}
    return [
        feature.name
        for feature in features
        if feature.claimed and feature.name not in shown and any(counts_in(own, profile) for own in feature.profiles)
    ]


def members(report: Report, profile: str) -> list[Result]:
    """Return the results that count in a profile."""
    return [result for result in report.results if counts_in(result.profile, profile)]


def narrowed(selection: Selection, profile: str) -> bool:
    """Return whether the selection left out anything that the profile requires."""
    return selection.smoke or any(counts_in(missing.profile, profile) for missing in selection.left_out)


def counts_in(own: str, profile: str) -> bool:
    """Return whether results of the profile `own` count in `profile`.

    `download` names no store, so its results count in the profile of every store, such as `download/s3`.
    """
    return profile == own or profile.startswith(f"{own}/")


def _profile(
    name: str, results: Iterable[Result], selection: Selection, features: Sequence[Feature], *, complete: bool
) -> Profile:
    own = [result for result in results if counts_in(result.profile, name)]
    counted = Counter(result.outcome for result in own)
    musts = [r for r in own if r.level is Level.MUST and r.outcome is not Outcome.UNSUPPORTED]
    partial = narrowed(selection, name) or not complete or bool(unexercised(features, own, name))
    return Profile(
        name,
        verdict(own, partial=partial),
        {outcome.value: counted[outcome] for outcome in Outcome},
        required=len(musts),
        kept=sum(result.outcome in KEPT for result in musts),
        broken_core=sum(map(breaks_core, own)),
    )
