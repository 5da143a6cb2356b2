"""From a phase of pytest to the result of a case: classify, apply known failures, build the result, attach it.

Each step takes what the step before returned. Only `attach` changes an object of pytest's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from conformance import known_failures
from conformance.harness import failure
from conformance.harness.record import CaseRecord, record_of
from conformance.harness.run import Run
from conformance.known_failures import CaseKey, KnownFailure
from reports.model import Level, Outcome, Result, to_json
from reports.redact import redact
from reports.writer import ReportUnwritable, save_evidence

#: Name of the entry of `report.user_properties` that carries a result from a worker.
PROPERTY = "conformance"
#: A server that died may be the cause of these.
_OF_A_CALL = {Outcome.PASSED, Outcome.FAILED, Outcome.NOT_RUN}
#: The report keeps evidence of these.
_WITH_EVIDENCE = {Outcome.FAILED, Outcome.KNOWN_FAILURE, Outcome.ERROR}


@dataclass(frozen=True)
class Finding:
    """What a phase found out about a case.

    message    the text of a failure or an error.
    reason     why the case was not run, or is a known failure; or an error in one line.
    reference  the reference of the known failure.
    """

    outcome: Outcome
    message: str = ""
    reason: str = ""
    reference: str = ""


def judge(run: Run, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Attach the result of the case to the report of the phase that decides it. Runs in the process of the case."""
    record = record_of(item)
    finding = classify(run, record, call, report)
    if finding is None:
        return
    finding = apply_known_failures(finding, known_failures.find(run.options.known, case_in(run, record)))
    record.failed = record.failed or finding.outcome in {Outcome.FAILED, Outcome.ERROR}
    result = build_result(run, record, finding, call.duration)
    attach(report, record, result, of_the_call=call.when == "call")


def classify(run: Run, record: CaseRecord, call: pytest.CallInfo[None], report: pytest.TestReport) -> Finding | None:
    """What the phase decides; None for a set-up or a clean-up that went well."""
    lost = run.lost(record.store) if call.when == "call" else ""
    if report.skipped:
        outcome, reason = record.skipped or (Outcome.NOT_RUN, _skip_reason(call))
    elif report.failed:
        of_the_initializer = call.when == "call" and call.excinfo and call.excinfo.errisinstance(AssertionError)
        outcome, reason = (Outcome.FAILED, "") if of_the_initializer else (Outcome.ERROR, _in_one_line(call))
    elif call.when == "call":
        outcome, reason = Outcome.PASSED, ""
    else:
        return None
    if lost and outcome in _OF_A_CALL:
        return Finding(Outcome.ERROR, message=lost, reason=lost)
    if outcome is Outcome.ERROR:
        return Finding(outcome, message=report.longreprtext, reason=reason)
    if outcome is Outcome.FAILED:
        assert call.excinfo is not None  # noqa: S101 - a failed phase has one
        return Finding(outcome, message=redact(failure.describe(run, record, call.excinfo.value), record.secrets))
    return Finding(outcome, reason=reason)


def apply_known_failures(finding: Finding, entry: KnownFailure | None) -> Finding:
    """A listed failure is a known failure; a listed case that passes is `fixed`, which fails the run."""
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
    """The result as the report has it; saves the evidence of a failure."""
    rule = record.rule
    evidence: tuple[str, ...] = ()
    if finding.outcome in _WITH_EVIDENCE and (record.fetcher or record.evidence):
        text = failure.evidence(record, finding.message)
        with suppress(ReportUnwritable):  # the journal cannot be written then either, and that ends the run
            evidence = (save_evidence(run.options.report_dir, record.name, text, record.secrets),)
    return Result(
        rule=rule.id,
        level=Level(rule.level),
        core=rule.core,
        profile=f"{rule.profile}/{record.store}" if record.store else rule.profile,
        test=record.test,
        case=record.case,
        store=record.store,
        server=run.server_of(record.store),
        route=run.options.route_of(rule) or "",
        outcome=finding.outcome,
        duration_s=round(duration_s, 3),
        message=finding.message,
        reason=finding.reason,
        reference=finding.reference,
        reproduce=failure.reproduce(run, record),
        evidence=evidence,
        measurements=tuple(record.measurements),
    )


def attach(report: pytest.TestReport, record: CaseRecord, result: Result, *, of_the_call: bool) -> None:
    """Hand the result and the cost of the case to the controlling process, and make pytest's report agree with it."""
    if result.outcome is Outcome.FAILED:
        report.longrepr = f"{result.message}\n\nrun it alone: {result.reproduce}"
    elif result.outcome is Outcome.KNOWN_FAILURE:
        report.longrepr = f"{result.message}\n\nrun it alone: {result.reproduce}"
        report.outcome, report.wasxfail = "skipped", result.reason
    elif result.outcome is Outcome.FIXED or (result.outcome is Outcome.ERROR and not report.failed):
        report.outcome, report.longrepr = "failed", result.message
    fetcher = record.fetcher if of_the_call else None
    calls = fetcher.outcomes if fetcher else []
    report.user_properties.append((
        PROPERTY,
        {
            "result": to_json(result),
            "calls": len(calls),
            "held_up_s": record.fetcher.held_up_s if record.fetcher else 0.0,
            "initializer_cpu_s": sum(one.cpu_s for one in calls),
            "reference_cpu_s": fetcher.reference_cpu_s if fetcher else 0.0,
            "peak_memory_bytes": max((one.peak_memory for one in calls), default=0),
            "secrets": sorted(record.secrets),
        },
    ))  # fmt: skip


def case_in(run: Run, record: CaseRecord) -> CaseKey:
    """The case as entries of a list of known failures name it."""
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
    """Whether the objects of the case stay in the cluster: it is one of the first that failed unexpectedly."""
    record = record_of(item)
    if record.kept is None:
        record.kept = record.failed and run.keeps()
    return record.kept


def _skip_reason(call: pytest.CallInfo[None]) -> str:
    return str(getattr(call.excinfo.value, "msg", call.excinfo.value)) if call.excinfo else ""


def _in_one_line(call: pytest.CallInfo[None]) -> str:
    return call.excinfo.exconly(tryshort=True).splitlines()[0] if call.excinfo else ""
