"""The controlling process's part of a run: collect results as they arrive, and write the report."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from conformance.harness import run as runs
from conformance.harness.eligibility import concerns, required
from conformance.harness.exploring import PROPERTY as EXPLORED
from conformance.harness.outcome import PROPERTY
from conformance.harness.report_header import report_header
from conformance.harness.run import Run
from conformance.harness.run_options import Options
from conformance.known_failures import CaseKey, KnownFailure
from conformance.spec import Spec
from reports import writer
from reports.exploration import Exploration
from reports.metrics import Metrics
from reports.model import LeftOut, Level, Outcome, Report, Result, from_json
from reports.redact import Secrets
from reports.summary import summary
from reports.verdict import EXECUTED, finish
from scenarios.initializers.proc import cores, cpu_of_tree


class Controller:
    """Owns the servers and the report.

    active  the controller of this process, for pytest hooks that receive no `config`.
    """

    active: ClassVar[Controller | None] = None

    def __init__(self, run: Run, began: float) -> None:
        self.run = run
        self.workers = 0
        self.nothing = ""  # the reason why no case was selected
        self._began = began
        self._setup_s = time.monotonic() - began
        self._setup_cpu_s, self._servers_setup_cpu_s = cpu_of_tree(os.getpid()), _servers_cpu_s(run)
        self._results: dict[tuple[str, ...], Result] = {}
        self._explored: dict[tuple[str, str], Exploration] = {}
        self._judged: set[str] = set()
        self._secrets = Secrets()
        self._calls, self._initializer_cpu_s, self._reference_cpu_s, self._peak_memory_bytes = 0, 0.0, 0.0, 0
        self._longest_case_s = 0.0
        self._report: Report | None = None
        self._unwritten = ""
        self._leaking: list[str] = []
        self._journal = writer.Journal(run.options.report_dir)
        self._journal.begin(report_header(run))

    @classmethod
    def start(cls, options: Options, spec: Spec) -> Controller:
        """Start the run and its report.

        Raises NoInitializer, NoCluster, NoKServe, ToolFailed, Unavailable or ReportUnwritable. Each message is one line
        and names the remedy.
        """
        began = time.monotonic()
        writer.prepare(options.report_dir)
        run = runs.start(options, spec)
        try:
            cls.active = cls(run, began)
        except BaseException:
            run.stop()
            raise
        return cls.active

    def add(self, report: pytest.TestReport) -> None:
        """Store the result in a phase's report, if it has one. Raises ReportUnwritable."""
        sent = dict(report.user_properties)
        if isinstance(case := sent.get(PROPERTY), dict):
            self._add_cost(case)
            self._reference_cpu_s += case["reference_cpu_s"]
            self._longest_case_s = max(self._longest_case_s, case["result"]["duration_s"] - case["held_up_s"])
            self._keep(report.nodeid, from_json(Result, case["result"]))
        elif isinstance(explored := sent.get(EXPLORED), dict):
            self._add_cost(explored)
            self._judged.add(report.nodeid)
            exploration = from_json(Exploration, explored["exploration"])
            self._explored[exploration.key] = exploration
            self._journal.explored(exploration, self._secrets)
        elif report.failed:
            self._keep(report.nodeid, self._crash(report))

    def _add_cost(self, sent: Mapping[str, Any]) -> None:
        self._calls += sent["calls"]
        self._initializer_cpu_s += sent["initializer_cpu_s"]
        self._peak_memory_bytes = max(self._peak_memory_bytes, sent["peak_memory_bytes"])
        self._secrets.add(sent["secrets"])

    @property
    def judged(self) -> int:
        """Number of selected cases that have a result."""
        return len(self._judged)

    def _keep(self, nodeid: str, result: Result) -> None:
        self._judged.add(nodeid)
        earlier = self._results.get(result.key)
        if earlier is None or result.outcome is Outcome.ERROR:
            self._results[result.key] = result
            self._journal.add(result, self._secrets)

    def _crash(self, report: pytest.TestReport) -> Result:
        """Build an ERROR result for a worker that died during a test. Only the test's name tells which rule it was."""
        return Result(
            rule="HARNESS-000",
            level=Level.MUST,
            profile="download",
            test=report.nodeid,
            case="",
            store="",
            server="",
            route=self.run.initializer.route,
            outcome=Outcome.ERROR,
            duration_s=report.duration,
            message=report.longreprtext,
        )

    def finish(
        self, left_out: Mapping[tuple[str, str], int], *, by_pytest: tuple[str, ...], partial: bool, complete: bool
    ) -> int:
        """Write the report, stop every server, and return the exit status.

        left_out   (rule, store) -> number of deselected cases.
        by_pytest  pytest's own options that deselected cases.
        partial    whether pytest collected only a part of the suite.
        complete   whether the run ended normally and every selected case has a result.

        The status covers what pytest itself does not know, such as stale entries and leaked credentials. It is
        USAGE_ERROR if the report cannot be written; the journal then keeps the results.
        """
        metrics = self._metrics()
        seen = {(result.rule, result.store) for result in self._results.values()}
        musts = required(self.run)
        missing = (musts - seen) | (musts & set(left_out)) | (musts if partial else set())
        draft = report_header(self.run)
        selection = replace(
            draft.selection,
            left_out=tuple(self._left_out(rule, store) for rule, store in sorted(missing)),
            pytest=by_pytest,
            cases_left_out=0 if partial else sum(left_out.values()),
            rules_left_out=0 if partial else len({rule for rule, _ in left_out}),
        )
        stale = () if missing or not complete else tuple(str(entry) for entry in self._unused_entries())
        explored = tuple(self._explored[key] for key in sorted(self._explored))
        draft = replace(draft, selection=selection, stale=stale, explored=explored)
        report = finish(draft, self._results.values(), metrics, complete=complete)
        self._journal.close()
        try:
            self._report = writer.write(report, self.run.options.report_dir, self._secrets)
        except writer.ReportUnwritable as reason:
            self._unwritten = str(reason)
            return pytest.ExitCode.USAGE_ERROR
        finally:
            self.stop()
        self._leaking = writer.leaking(self.run.options.report_dir, self._secrets)
        if stale or self._leaking:
            return pytest.ExitCode.TESTS_FAILED
        executed = explored or any(result.outcome in EXECUTED for result in self._results.values())
        return pytest.ExitCode.OK if executed else pytest.ExitCode.NO_TESTS_COLLECTED

    def _metrics(self) -> Metrics:
        """Measure the cost of the run so far."""
        return Metrics.measured(
            wall_s=time.monotonic() - self._began,
            setup_s=self._setup_s,
            cpu_s=cpu_of_tree(os.getpid()),
            setup_cpu_s=self._setup_cpu_s,
            initializer_cpu_s=self._initializer_cpu_s,
            reference_cpu_s=self._reference_cpu_s,
            servers_cpu_s=max(0.0, _servers_cpu_s(self.run) - self._servers_setup_cpu_s),  # one may have died
            cores=cores(),
            longest_case_s=self._longest_case_s,
            workers=self.workers or 1,
            calls=self._calls,
            peak_memory_bytes=self._peak_memory_bytes,
        )

    def _left_out(self, rule: str, store: str) -> LeftOut:
        return LeftOut(self.run.spec[rule].profile_on(store), rule, store)

    def _unused_entries(self) -> list[KnownFailure]:
        """Return known-failure entries that matched no case. In a complete run, such entries are stale."""
        place = (self.run.install, self.run.initializer.python)
        cases = [CaseKey(r.rule, r.store, r.case, r.server, r.route, *place, r.test) for r in self._results.values()]
        return [
            entry
            for entry in self.run.options.known
            if concerns(self.run, entry) and not any(entry.covers(case) for case in cases)
        ]

    def summary(self, *, colour: bool, width: int) -> list[str]:
        """Return the lines that end the terminal output."""
        if self._report is None:
            remedy = f"to recover the results from the journal: python -m reports recover {self.run.options.report_dir}"
            return [f"NO REPORT: {self._unwritten or 'the run was cut off'}", remedy]
        leaks = [
            f"LEAK {name} contains a test credential of the suite; keep the file, and report this bug"
            for name in self._leaking
        ]
        page = self.run.options.report_dir / writer.PAGE
        lines = summary(self._report, path=page, colour=colour, width=width, alarms=leaks)
        return [f"NOTHING SELECTED: {self.nothing}", *lines] if self.nothing else lines

    def stop(self) -> None:
        """Stop the run's servers and cluster, and remove its folder."""
        self.run.stop()
        Controller.active = None


def _servers_cpu_s(run: Run) -> float:
    """Return the CPU seconds that servers and gateway used so far."""
    return sum(map(cpu_of_tree, run.fleet.pids()))


CONTROLLER = pytest.StashKey[Controller]()
