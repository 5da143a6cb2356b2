"""Turn a pytest phase into the result of a case: classify, apply known failures, build the result, attach it.

Each step takes the return value of the step before. Only `attach` changes a pytest object.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from conformance import known_failures
from conformance.harness import failure
from conformance.harness.record import CaseRecord, record_of
from conformance.harness.run import Run
from conformance.harness.sending import send
from conformance.known_failures import CaseKey, KnownFailure
from reports.model import Level, Outcome, Result, to_json
from reports.redact import redact
from reports.writer import ReportUnwritable, save_evidence

#: The key in `report.user_properties` under which a worker sends a result.
PROPERTY = "conformance"
#: Outcomes that a dead server may have caused.
_OF_A_CALL = {Outcome.PASSED, Outcome.FAILED, Outcome.NOT_RUN}
#: Outcomes for which the report keeps evidence.
_WITH_EVIDENCE = {Outcome.FAILED, Outcome.KNOWN_FAILURE, Outcome.ERROR}


@dataclass(frozen=True)
class Finding:
    """The outcome of one phase of a case.

    message    the text of a failure or an error.
    reason     why the case did not run, or why it is a known failure. For an error, its first line.
    reference  the reference of the known failure.
    if_claimed the outcome that the case would have if its feature were claimed; "" for a case of no such feature.
    """

    outcome: Outcome
    message: str = ""
    reason: str = ""
    reference: str = ""
    if_claimed: str = ""


def judge(run: Run, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Attach the case's result to the report of the phase that decides it. Runs in the process that runs the case."""
    record = record_of(item)
    finding = classify(run, record, call, report)
    if finding is None:
        return
    finding = apply_claims(finding, run.options.unclaimed(record.rule, record.case))
    finding = apply_known_failures(finding, known_failures.find(run.options.known, case_in(run, record)))
    record.failed = record.failed or finding.outcome in {Outcome.FAILED, Outcome.ERROR}
    result = build_result(run, record, finding, call.duration)
    attach(report, record, result, of_the_call=call.when == "call")


def classify(run: Run, record: CaseRecord, call: pytest.CallInfo[None], report: pytest.TestReport) -> Finding | None:
    """Return the outcome that this phase decides. None for a setup or teardown that succeeded."""
    if report.skipped:
        outcome, reason = record.skipped or (Outcome.NOT_RUN, _skip_reason(call))
    elif report.failed:
        of_the_initializer = call.when == "call" and call.excinfo and call.excinfo.errisinstance(AssertionError)
        outcome, reason = (Outcome.FAILED, "") if of_the_initializer else (Outcome.ERROR, _in_one_line(call))
    elif call.when == "call":
        outcome, reason = Outcome.PASSED, ""
    else:
        return None
    if call.when == "call" and outcome in _OF_A_CALL and (lost := run.lost(record.store)):
        return Finding(Outcome.ERROR, message=lost, reason=lost)
    if outcome is Outcome.ERROR:
        return Finding(outcome, message=report.longreprtext, reason=reason)
    if outcome is Outcome.FAILED:
        assert call.excinfo is not None  # noqa: S101 - a failed phase has one
        return Finding(outcome, message=failure.describe(run, record, call.excinfo.value))
    return Finding(outcome, reason=reason)


def apply_claims(finding: Finding, unclaimed: str) -> Finding:
    """Turn each outcome of a case that needs an unclaimed feature into `unsupported`, except an error of the suite."""
    if not unclaimed or finding.outcome is Outcome.ERROR:
        return finding
    reason = f"feature {unclaimed} is not claimed"
    return Finding(Outcome.UNSUPPORTED, reason=reason, if_claimed=finding.outcome.value)


def apply_known_failures(finding: Finding, entry: KnownFailure | None) -> Finding:
    """Turn a listed failure into a known failure, and a listed case that passes into `fixed`, which fails the run."""
    if entry is None:
        return finding
    listed = replace(finding, reason=entry.reason, reference=entry.reference)
    if finding.outcome is Outcome.FAILED:
        return replace(listed, outcome=Outcome.KNOWN_FAILURE)
    if finding.outcome is Outcome.PASSED:
        message = f"{entry} is listed as a known failure ({entry.reason}) but passed: "
        return replace(listed, outcome=Outcome.FIXED, message=f"{message}remove it from the list, or narrow it")
    return finding


def build_result(run: Run, record: CaseRecord, finding: Finding, duration_s: float) -> Result:
    """Build the case's result for the report, without secrets, and save the evidence of a failure."""
    rule = record.rule
    texts = [finding.message, finding.reason]
    message, reason = redact(texts, record.secrets) if any(texts) else texts
    evidence: tuple[str, ...] = ()
    if finding.outcome in _WITH_EVIDENCE and (record.fetcher or record.evidence):
        text = failure.evidence(record, finding.message)
        with suppress(ReportUnwritable):  # then the journal fails too, which ends the run
            evidence = (save_evidence(run.options.report_dir, record.name, text, record.secrets),)
    return Result(
        rule=rule.id,
        level=Level(rule.level),
        core=rule.core,
        profile=rule.profile_on(record.store),
        test=record.test,
        case=record.case,
        store=record.store,
        server=run.server_of(record.store),
        route=run.options.route_of(rule) or "",
        outcome=finding.outcome,
        duration_s=round(duration_s, 3),
        message=message,
        reason=reason,
        reference=finding.reference,
        reproduce=failure.reproduce(run, record),
        evidence=evidence,
        measurements=tuple(record.measurements),
        needs=rule.feature_of(record.case),
        if_claimed=finding.if_claimed,
        deployment_mode=record.evidence.deployment_mode if record.evidence else "",
    )


def attach(report: pytest.TestReport, record: CaseRecord, result: Result, *, of_the_call: bool) -> None:
    """Send the case's result and cost to the controlling process, and make pytest's own report agree with it."""
    if result.outcome in {Outcome.FAILED, Outcome.KNOWN_FAILURE}:
        report.longrepr = f"{result.message}\n\nrun it alone: {result.reproduce}"
    if result.outcome is Outcome.KNOWN_FAILURE:
        report.outcome, report.wasxfail = "skipped", result.reason
    elif result.if_claimed:
        path, line, _ = report.location
        report.outcome, report.longrepr = "skipped", (path, line or 0, f"Skipped: {result.reason}")
    elif result.outcome is Outcome.FIXED or (result.outcome is Outcome.ERROR and not report.failed):
        report.outcome, report.longrepr = "failed", result.message
    fetcher = record.fetcher if of_the_call else None
    send(
        report,
        PROPERTY,
        {"result": to_json(result)},
        calls=fetcher.outcomes if fetcher else [],
        secrets=record.secrets,
        held_up_s=record.fetcher.held_up_s if record.fetcher else 0.0,
        reference_cpu_s=fetcher.reference_cpu_s if fetcher else 0.0,
    )


def case_in(run: Run, record: CaseRecord) -> CaseKey:
    """Return the key that known-failure entries match for this case."""
    return CaseKey(
        record.rule.id,
        record.store,
        record.case,
        run.server_of(record.store),
        run.options.route_of(record.rule) or "",
        run.install,
        run.initializer.python,
        record.test,
    )


def keeps(run: Run, item: pytest.Item) -> bool:
    """Return whether to keep the case's objects in the cluster: only the first N unexpected failures keep them."""
    record = record_of(item)
    if record.kept is None:
        record.kept = record.failed and run.keeps()
    return record.kept


def _skip_reason(call: pytest.CallInfo[None]) -> str:
    return str(getattr(call.excinfo.value, "msg", call.excinfo.value)) if call.excinfo else ""


def _in_one_line(call: pytest.CallInfo[None]) -> str:
    return call.excinfo.exconly(tryshort=True).splitlines()[0] if call.excinfo else ""
