"""Check the claims of a report and its optional features: by themselves, and against the spec."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import yaml

from reports.claims import Claims
from reports.installed import Installed
from reports.model import Outcome, Report, Result
from reports.verdict import observed
from reports.verification.checked import Checked, failed, listed, ok

_AGAIN = "get the report as the run wrote it, or run the suite again"
_OWN = "verify it with the suite that wrote it"


def alone(report: Report) -> Checked:
    """Check the digest of the claims, and that features and results agree with claims and with each other."""
    claims = report.claims
    if claims.sha256 and claims != Claims.of(claims.file, claims.content):
        return failed("claims", f"the claims of {claims.file} differ from their digest", _AGAIN)
    claimed = {feature.name for feature in report.features if feature.claimed}
    if claimed != _features(claims.content):
        return failed("claims", "the table of features and the claims differ in what is claimed", _AGAIN)
    excused = {feature.name for feature in report.features} - claimed if claims.sha256 else set()
    if odd := [f"{one.rule} {one.store} {one.name}" for one in report.results if not _fits(one, excused)]:
        return failed("claims", f"results do not follow from the claims: {listed(odd)}", _AGAIN)
    if other := [one.name for one in report.features if one != observed(one, report.results)]:
        return failed("claims", f"what was observed of {listed(other)} does not follow from the results", _AGAIN)
    if not claims.sha256:
        return ok("claims", "the run had none")
    return ok("claims", f"{claims.file} with the digest {claims.sha256[:12]}... claims {len(claimed)} features")


def against(report: Report, suite: Installed, added: Collection[str]) -> Checked:
    """Check that cases need the features that the spec names, and that the report knows where these have cases.

    added  the stores of plugins.
    """
    needs = ((one, suite.rules[one.rule].feature_of(one.case)) for one in report.results if one.rule in suite.rules)
    if odd := [f"{one.rule} {one.store} {one.name}" for one, needed in needs if one.needs != needed]:
        return failed("features", f"the spec names other features for {listed(odd)}", _OWN)
    if {one.name: one.sentence for one in report.features} != suite.features:
        return failed("features", "the features of the report are not those of the spec", _OWN)
    if report.environment.cluster.provider:
        return ok("features", f"{len(report.features)}, those of the spec")
    for feature in report.features:
        own = {name for name in feature.profiles if name.partition("/")[2] not in added}
        if own != set(_profiles(report, suite, feature.name)):
            return failed("features", f"the profiles of the feature {feature.name} are not those of the spec", _OWN)
    return ok("features", f"{len(report.features)}, each with the cases that the spec gives it")


def _features(content: str) -> set[str]:
    """Return the features that a file of claims lists; none if it is no such file."""
    try:
        return set(yaml.load(content, yaml.CSafeLoader)["features"])
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError):
        return set()


def _fits(result: Result, excused: Collection[str]) -> bool:
    """Return whether a result is unsupported for want of a claim, exactly if its feature is not claimed."""
    if result.needs in excused and result.outcome is not Outcome.ERROR:
        return result.outcome is Outcome.UNSUPPORTED and bool(result.if_claimed)
    return not result.if_claimed


def _profiles(report: Report, suite: Installed, feature: str) -> Iterator[str]:
    """Yield the profiles in which a run with the report's initializer could judge the feature."""
    for rule in suite.rules.values():
        if feature in rule.features and rule.in_force(report.kserve) and report.initializer.route in rule.routes:
            for store in rule.stores:
                if suite.stores[store].supported(report.initializer.name, report.kserve):
                    yield rule.profile_on(store)
