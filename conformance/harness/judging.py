"""From pytest's phases to outcomes: what became of a case, whose fault it was, and what is said about it."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

import pytest

from conformance import known_failures
from conformance.api.admission import Witness
from conformance.api.fetch import Fetcher, Tree, difference
from conformance.harness.items import case_of, rule_of, store_of
from conformance.harness.run import Run
from conformance.known_failures import Case
from reports.measurement import Measurement
from reports.model import Level, Outcome, Result, to_json
from reports.redact import redact
from reports.writer import ReportUnwritable, save_evidence

#: Name of the entry of `report.user_properties` that carries a result from a worker.
PROPERTY = "conformance"
FETCHER = pytest.StashKey[Fetcher]()
FAILED = pytest.StashKey[Outcome]()
KEPT = pytest.StashKey[bool]()
WITNESS = pytest.StashKey[Witness]()
MEASUREMENTS = pytest.StashKey[list[Measurement]]()
WHY_NOT = pytest.StashKey[tuple[Outcome, str]]()


#: What may be due to a server that died: a pass without a server, a failure, and one of the controls.
_OF_A_CALL = {Outcome.PASSED, Outcome.FAILED, Outcome.NOT_RUN}


def judge(run: Run, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Turn a phase's report into a result, where the phase decides, and attach it; in the process that ran it."""
    outcome = _outcome(item, call, report)
    if outcome is None:
        return
    lost = _lost(run, item) if outcome in _OF_A_CALL and call.when == "call" else ""
    if lost:
        outcome, report.outcome, report.longrepr = Outcome.ERROR, "failed", lost
    rule, store, case, server = rule_of(item), store_of(item) or "", case_of(item), run.server_of(store_of(item))
    fetcher = item.stash.get(FETCHER, None)
    route = run.options.route_of(rule) or ""
    test = getattr(item, "originalname", item.name)
    found = Case(rule.id, store, case, server, route, run.install, run.initializer.python, test)
    entry = known_failures.find(run.options.known, found)
    reason = reference = message = ""
    if outcome in {Outcome.NOT_RUN, Outcome.UNSUPPORTED}:
        reason = item.stash.get(WHY_NOT, (outcome, _skip_reason(call)))[1]
    elif outcome is Outcome.FAILED:
        message = redact(_failure(run, item, call, fetcher), _secrets(fetcher))
        if entry:
            outcome, reason, reference = Outcome.KNOWN_FAILURE, entry.reason, entry.reference
            report.outcome, report.wasxfail = "skipped", entry.reason
        report.longrepr = f"{message}\n\nrun it alone: {_reproduce(run, item)}"
    elif outcome is Outcome.PASSED and entry:
        outcome, reason, reference = Outcome.FIXED, entry.reason, entry.reference
        message = (
            f"{entry} is listed as a known failure ({entry.reason}) but passed: remove it from the list, or narrow it"
        )
        report.outcome, report.longrepr = "failed", message
    elif outcome is Outcome.ERROR:
        message = report.longreprtext
        reason = lost or _in_one_line(call)
    if outcome in {Outcome.FAILED, Outcome.ERROR}:
        item.stash[FAILED] = outcome
    evidence: tuple[str, ...] = ()
    if outcome in {Outcome.FAILED, Outcome.KNOWN_FAILURE, Outcome.ERROR} and (fetcher or WITNESS in item.stash):
        with suppress(ReportUnwritable):  # the journal cannot be written then either, and that ends the run
            evidence = (_save_evidence(run, item, fetcher, message),)
    measured: list[Measurement] = item.stash.get(MEASUREMENTS, [])
    result = Result(
        rule=rule.id,
        level=Level(rule.level),
        core=rule.core,
        profile=f"{rule.profile}/{store}" if store else rule.profile,
        test=test,
        case=case,
        store=store,
        server=server,
        route=route,
        outcome=outcome,
        duration_s=round(call.duration, 3),
        message=message,
        reason=reason,
        reference=reference,
        reproduce=_reproduce(run, item),
        evidence=evidence,
        measurements=tuple(measured),
    )
    made = fetcher if call.when == "call" else None
    calls = made.outcomes if made else []
    report.user_properties.append((
        PROPERTY,
        {
            "result": to_json(result),
            "calls": len(calls),
            "held_up_s": fetcher.held_up_s if fetcher else 0.0,
            "initializer_cpu_s": sum(one.cpu_s for one in calls),
            "reference_cpu_s": made.reference_cpu_s if made else 0.0,
            "peak_memory_bytes": max((one.peak_memory for one in calls), default=0),
            "secrets": sorted(_secrets(fetcher)),
        },
    ))  # fmt: skip


def keeps(run: Run, item: pytest.Item) -> bool:
    """Whether what the case left in the cluster shall stay there: it failed unexpectedly, as one of the first."""
    if KEPT not in item.stash:
        item.stash[KEPT] = FAILED in item.stash and run.keeps()
    return item.stash[KEPT]


def _outcome(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Outcome | None:
    """What this phase decides; None when it decides nothing (a set-up or clean-up that went well)."""
    if report.skipped:
        return item.stash.get(WHY_NOT, (Outcome.NOT_RUN, ""))[0]
    if report.failed:
        of_the_initializer = call.when == "call" and call.excinfo and call.excinfo.errisinstance(AssertionError)
        return Outcome.FAILED if of_the_initializer else Outcome.ERROR
    return Outcome.PASSED if call.when == "call" else None


def _lost(run: Run, item: pytest.Item) -> str:
    """What has died under the case, so that nothing can be said of the initializer; "" for nothing."""
    return "" if run.cluster else run.fleet.lost(run.server_of(store_of(item)))


def _skip_reason(call: pytest.CallInfo[None]) -> str:
    return str(getattr(call.excinfo.value, "msg", call.excinfo.value)) if call.excinfo else ""


def _in_one_line(call: pytest.CallInfo[None]) -> str:
    return call.excinfo.exconly(tryshort=True).splitlines()[0] if call.excinfo else ""


def _failure(run: Run, item: pytest.Item, call: pytest.CallInfo[None], fetcher: Fetcher | None) -> str:
    """What a vendor needs to mend it: the rule, what was expected, and the calls."""
    rule, store = rule_of(item), store_of(item)
    where = f"{store} played by {run.server_of(store) or 'a folder'}" if store else "no store"
    assert call.excinfo is not None  # noqa: S101 - a failed phase has one
    lines = [f"{rule.id} {rule.level}: {rule.title}", f"  {rule.statement}", f"on {where}, {item.name}", ""]
    lines.append(f"what is wrong: {_wrong(call.excinfo.value)}")
    for fetch in fetcher.fetches if fetcher else []:
        lines += ["", *fetch.describe()]
    if witness := item.stash.get(WITNESS, None):
        lines += witness.describe()
    return "\n".join(lines)


def _wrong(error: BaseException) -> str:
    """The test's own words, without what pytest adds on the values of an expression."""
    return str(error).removeprefix("assert ").partition("\nassert ")[0] or "the assertion does not hold"


def explain_trees(actual: object, expected: object) -> list[str] | None:
    """pytest's explanation of `tree == {...}`: the difference, path by path."""
    if not isinstance(actual, Tree) or not isinstance(expected, dict):
        return None
    return ["the tree below the destination differs:", *difference(actual, expected)]


def _save_evidence(run: Run, item: pytest.Item, fetcher: Fetcher | None, message: str) -> str:
    parts = [message]
    if witness := item.stash.get(WITNESS, None):
        parts += [f"--- {title}\n{text}" for title, text in witness.evidence()]
    for fetch in fetcher.fetches if fetcher else []:
        one = fetch.outcome
        parts += [f"--- {one.reproduce}", f"--- stdout\n{one.stdout}", f"--- stderr\n{one.stderr}"]
        parts += [f"--- {dest}\n" + "\n".join(sorted(tree)) for dest, tree in one.trees.items()]
    if fetcher and fetcher.store is not None:
        asked = [f"{r.method} {r.host} {r.path} {r.status}" for r in fetcher.store.requests()]
        parts += ["--- requests", *asked]
    return save_evidence(run.options.report_dir, item.name, "\n".join(parts), _secrets(fetcher))


def _secrets(fetcher: Fetcher | None) -> set[str]:
    return {secret for fetch in fetcher.fetches for secret in fetch.access.secrets} if fetcher else set()


def _reproduce(run: Run, item: pytest.Item) -> str:
    path, _, name = item.nodeid.partition("::")
    options = [
        *(f"--initializer={run.initializer.spec}", *run.options.described),
        *(f"--kserve={run.kserve}", f"--servers={run.mode}"),
        "--report-dir=conformance-report/alone",  # the report that shows this command stays
    ]
    if run.options.isolation != "auto":
        options.append(f"--isolation={run.options.isolation}")
    if run.options.cluster != "none":
        options += [f"--cluster={run.options.cluster}", f"--install={run.options.install}"]
    return shlex.join(["pytest", f"conformance/{Path(path).name}::{name}", *options])
