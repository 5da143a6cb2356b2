"""The steps from a phase of pytest to a result, each alone."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from conformance.harness.outcome import Finding, apply_claims, apply_known_failures, attach, classify
from conformance.harness.record import CaseRecord
from conformance.known_failures import KnownFailure
from conformance.spec import current
from reports.model import Level, Outcome, Result

NONE: frozenset[str] = frozenset()
ENTRY = KnownFailure(
    rule="PLACE-001", stores=NONE, tests=NONE, cases=(), servers=NONE, routes=NONE, installs=NONE,
    python=SpecifierSet(), reason="it flattens folders", reference="issue 1", fixed=None, expires=date.max,
)  # fmt: skip


def _record(**more: Any) -> CaseRecord:  # noqa: ANN401
    return CaseRecord(
        current()["PLACE-001"], "http", "", "test_x", "conformance/download/test_x.py::test_x", "test_x", **more
    )


def _run(lost: str = "") -> Any:  # noqa: ANN401
    return SimpleNamespace(lost=lambda _: lost, server_of=lambda _: "http-server", exact_words=None)


def _phase(when: str = "call", error: BaseException | None = None) -> Any:  # noqa: ANN401
    def fail() -> None:
        if error is not None:
            raise error

    return pytest.CallInfo.from_call(fail, when)  # type: ignore[arg-type]


def _report(outcome: str) -> pytest.TestReport:
    return pytest.TestReport("x", ("x", 0, "x"), {}, outcome, "the traceback", "call")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "report", "record", "lost", "outcome"),
    [
        (_phase(), "passed", {}, "", Outcome.PASSED),
        (_phase(error=AssertionError("no")), "failed", {}, "", Outcome.FAILED),
        (_phase(error=OSError("no")), "failed", {}, "", Outcome.ERROR),
        (_phase("setup", AssertionError("no")), "failed", {}, "", Outcome.ERROR),
        (_phase(error=pytest.skip.Exception("why")), "skipped", {}, "", Outcome.NOT_RUN),
        (_phase(), "skipped", {"skipped": (Outcome.UNSUPPORTED, "no archives")}, "", Outcome.UNSUPPORTED),
        (_phase(), "passed", {}, "the server died", Outcome.ERROR),
        (_phase(error=AssertionError("no")), "failed", {}, "the server died", Outcome.ERROR),
    ],
    ids=["passed", "failed", "error", "setup", "skipped", "unsupported", "lost-passed", "lost-failed"],
)
def test_a_phase_is_classified(call: Any, report: str, record: dict[str, Any], lost: str, outcome: Outcome) -> None:  # noqa: ANN401
    """Only an AssertionError of the call itself is held against the initializer, and only while its servers live."""
    finding = classify(_run(lost), _record(**record), call, _report(report))
    assert finding is not None
    assert finding.outcome is outcome
    assert lost in finding.reason


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_a_phase_that_went_well_decides_nothing(when: str) -> None:
    assert classify(_run(), _record(), _phase(when), _report("passed")) is None


@pytest.mark.parametrize(
    ("found", "becomes"),
    [
        (Outcome.FAILED, Outcome.KNOWN_FAILURE),
        (Outcome.PASSED, Outcome.FIXED),
        (Outcome.ERROR, Outcome.ERROR),
        (Outcome.NOT_RUN, Outcome.NOT_RUN),
    ],
)
def test_a_listed_case(found: Outcome, becomes: Outcome) -> None:
    """An entry excuses a failure, and fails the run where the case passes."""
    assert apply_known_failures(Finding(found), ENTRY).outcome is becomes
    assert apply_known_failures(Finding(found), None).outcome is found


@pytest.mark.parametrize("found", [Outcome.FAILED, Outcome.PASSED, Outcome.NOT_RUN])
def test_a_case_of_an_unclaimed_feature(found: Outcome) -> None:
    """It counts for nothing, and its outcome is kept. pytest skips it."""
    finding = apply_claims(Finding(found, message="the tree differs"), "archives")
    reason = "feature archives is not claimed"
    assert finding == Finding(Outcome.UNSUPPORTED, reason=reason, if_claimed=found)
    report = _report("failed")
    result = Result(
        rule="ARCH-001", level=Level.MUST, profile="download/http", test="test_x", case="", store="http", server="",
        route="process", outcome=finding.outcome, duration_s=1.0, reason=reason, if_claimed=finding.if_claimed,
    )  # fmt: skip
    attach(report, _record(), result, of_the_call=True)
    assert (report.outcome, report.longrepr) == ("skipped", ("x", 0, f"Skipped: {reason}"))


@pytest.mark.parametrize(
    ("finding", "unclaimed"), [(Finding(Outcome.ERROR), "archives"), (Finding(Outcome.FAILED), "")]
)
def test_claims_change_no_other_case(finding: Finding, unclaimed: str) -> None:
    """An error is the suite's, whatever the container claims."""
    assert apply_claims(finding, unclaimed) is finding


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Outcome.PASSED, "passed"),
        (Outcome.FIXED, "failed"),
        (Outcome.KNOWN_FAILURE, "skipped"),
        (Outcome.ERROR, "failed"),
    ],
)
def test_pytests_report_agrees(outcome: Outcome, shown: str) -> None:
    """pytest's own summary counts a known failure as expected, and a fixed one as a failure."""
    report = _report("passed")
    result = Result(
        rule="PLACE-001", level=Level.MUST, profile="download/http", test="test_x", case="", store="http", server="",
        route="process", outcome=outcome, duration_s=1.0, message="m", reason="r",
    )  # fmt: skip
    attach(report, _record(), result, of_the_call=True)
    assert report.outcome == shown
    ((_, attached),) = report.user_properties
    assert attached["result"]["outcome"] == outcome  # type: ignore[index]
