"""The pytest plugin of a run over mutants: one collection and one set of servers for all, a process for each mutant."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from conformance.harness.controller import Controller
from conformance.harness.items import case_of, rule_of, store_of
from conformance.harness.outcome import PROPERTY
from conformance.harness.run import RUN, Run
from conformance.harness.schedule import waits
from conformance.spec import Spec, current
from reports.model import Result, from_json
from scenarios.initializers.command import Command
from tests.mutants.pool import Died, each
from tests.mutants.registry import Mutant
from tests.mutants.verdict import Verdict, judge

HERE = Path(__file__).parent
REFERENCE = HERE.parent / "reference"
SUITE = HERE.parents[1] / "conformance"
#: Seconds that the cases of one mutant may take altogether.
WITHIN_S = 400.0


def command(mutant: str) -> str:
    """What follows `command:` to run the reference with that mutant applied; `-` applies none."""
    return shlex.join([sys.executable, str(HERE), str(REFERENCE), mutant])


def session(program: str, reports: str, asked: Sequence[Mutant] = ()) -> list[str]:
    """The command line of a pytest session for `Killing`: it begins with `program` (see `command`).

    With `asked`, only their rules are collected, on their stores.
    """
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    line = [str(SUITE), *quiet, "-o", "tmp_path_retention_policy=none"]
    line += [f"--initializer=command:{program}", "--known-failures=none", f"--report-dir={reports}"]
    rules = dict.fromkeys(rule for one in asked for rule in one.asked)
    stores = dict.fromkeys(store for one in asked for rule in one.asked for store in one.stores_of(current()[rule]))
    return [*line, *(f"--rule={rule}" for rule in rules), *(f"--store={store}" for store in stores if store)]


@dataclass(frozen=True)
class Task:
    """Cases for a process of its own, on a mutant or (None) the reference. `id` is its own in this run."""

    id: str
    mutant: Mutant | None
    items: Sequence[pytest.Item]

    @property
    def measured(self) -> bool:
        """Whether it measures time or memory. Most of these wait for each other anyway."""
        return any(rule_of(item).profile == "throughput" for item in self.items)

    @property
    def slow(self) -> bool:
        """Whether it waits for time limits."""
        return any(waits(rule_of(item)) for item in self.items)


def tasks(mutants: Sequence[Mutant], items: Sequence[pytest.Item], *, whole: bool) -> list[Task]:
    """Each mutant with the cases that concern it; the reference with all of these, or the `whole`. Slow ones first."""
    asked = [[item for item in items if concerns(mutant, item)] for mutant in mutants]
    wanted = items if whole else list(dict.fromkeys(item for some in asked for item in some))
    found = [
        *(Task(f"r{number}", None, [item]) for number, item in enumerate(wanted)),
        *(Task(f"m{number}", *pair) for number, pair in enumerate(zip(mutants, asked, strict=True))),
    ]
    return sorted(found, key=lambda task: (not task.measured, not task.slow))


def concerns(mutant: Mutant, item: pytest.Item) -> bool:
    """Whether the item can tell the mutant from the reference."""
    return mutant.concerns(rule_of(item), store_of(item) or "", case_of(item))


class Killing:
    """Runs tasks instead of what was collected.

    program  what follows `command:` to run the mutant of that name, or the reference for `-`.
    verdict  judges a mutant by its results.

    What became of the reference goes into the session's own report; `verdicts` and `reference` keep both.
    """

    def __init__(
        self,
        mutants: Sequence[Mutant],
        *,
        at_a_time: int,
        whole: bool,
        program: Callable[[str], str] = command,
        verdict: Callable[[Mutant, Collection[Result], Spec], Verdict] = judge,
    ) -> None:
        self._mutants = mutants
        self._program = program
        self._verdict = verdict
        self._at_a_time = at_a_time
        self._whole = whole
        self._sent: list[dict[str, Any]] = []  # in the process of a task: what it answers
        self._task: Task | None = None
        self.verdicts: list[Verdict] = []
        self.reference: list[Result] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Every task in a fork of this process, so that none imports and collects once more."""
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        todo = {task.id: task for task in tasks(self._mutants, session.items, whole=self._whole)}
        terminal.write_line(f"{len(self._mutants)} mutants, {len(todo)} tasks")
        # What a whole run of the reference has to judge, so that its report knows whether it was cut off.
        session.testscollected = sum(len(task.items) for task in todo.values() if task.mutant is None)
        work = partial(self._perform, session)
        few = attrgetter("measured")
        for task, answer in each(todo.values(), work, at_a_time=self._at_a_time, within_s=WITHIN_S, few=few):
            reports = [_died(task, answer)] if isinstance(answer, Died) else _received(session.config, answer)
            results = [result for report in reports if (result := _result(report))]
            if task.mutant is None:
                self.reference += results
                for report in reports:
                    session.config.hook.pytest_runtest_logreport(report=report)
                for item in task.items:
                    session.config.hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            else:
                verdict = self._verdict(task.mutant, results, session.config.stash[RUN].spec)
                self.verdicts.append(verdict)
                _tell(terminal, verdict)
        return True

    def _perform(self, session: pytest.Session, task: Task) -> list[dict[str, Any]]:
        """The reports of the task's items; in the fork."""
        config = session.config
        self._task, Controller.active = task, None
        config.pluginmanager.unregister(name="terminalreporter")
        run: Run = config.stash[RUN]
        folder = run.fleet.folder / "tasks" / task.id
        folder.mkdir(parents=True)
        os.environ |= {"PYTEST_XDIST_WORKER": task.id, "PYTEST_DEBUG_TEMPROOT": str(folder)}
        program = Command(self._program(task.mutant.name if task.mutant else "-"))
        mine = replace(run, initializer=program, options=replace(run.options, initializer=program))
        if task.mutant:  # its evidence and measurements are nobody else's
            mine.options, mine.fleet = replace(mine.options, report_dir=folder), replace(run.fleet, folder=folder)
        config.stash[RUN] = mine
        for item, following in zip(task.items, [*task.items[1:], None], strict=True):
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return self._sent

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In the fork, keep what the item came to."""
        if self._task is not None:
            config = self._task.items[0].config
            self._sent.append(config.hook.pytest_report_to_serializable(config=config, report=report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots: mutants have a line each."""
        return ("passed" if report.when == "call" else "", "", "") if report.passed else None


def _received(config: pytest.Config, answer: object) -> list[pytest.TestReport]:
    assert isinstance(answer, list), "what a task sends"
    return [config.hook.pytest_report_from_serializable(config=config, data=data) for data in answer]


def _died(task: Task, answer: Died) -> pytest.TestReport:
    """A report that no case made: an error of the harness."""
    item = task.items[0]
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", f"{task.id}: {answer.why}", "call")


def _result(report: pytest.TestReport) -> Result | None:
    sent = dict(report.user_properties).get(PROPERTY)
    return from_json(Result, sent["result"]) if isinstance(sent, dict) else None


def _tell(terminal: pytest.TerminalReporter, verdict: Verdict) -> None:
    """A line for a mutant that is over, and one for each reason why it is a survivor."""
    rules = ", ".join(dict.fromkeys(kill.rule for kill in verdict.kills))
    word = "SURVIVED" if not verdict.killed else "killed" if verdict.kills else "unnoticed"
    terminal.write_line(f"{word}  {verdict.mutant.name}  {rules}")
    for reason in verdict.wrong:
        terminal.write_line(f"    {reason}", red=True)
