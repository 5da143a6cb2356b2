"""The pytest plugin of a run over mutants. It collects and starts servers once, and forks a process for each mutant."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from conformance.harness.controller import Controller
from conformance.harness.failure import of_kserve
from conformance.harness.items import case_of, rule_of, store_of
from conformance.harness.outcome import PROPERTY
from conformance.harness.run import RUN, Run
from conformance.harness.schedule import waits
from conformance.spec import Spec, current
from reports.model import Result, from_json
from scenarios.initializers.command import Command
from scenarios.stores import plugins
from tests.mutants.pool import Died, each
from tests.mutants.registry import Mutant
from tests.mutants.verdict import Verdict, judge

HERE = Path(__file__).parent
REFERENCE = HERE.parents[1] / "reference"
SUITE = HERE.parents[1] / "conformance"
#: Time limit for a case of a task, in seconds: more than any case needs on a busy machine.
WITHIN_S = 400.0
#: The most cases of a mutant that run one after the other.
TOGETHER = 6


def command(mutant: str) -> str:
    """Return the text after `command:` that runs the reference with this mutant applied; `-` applies none."""
    schemes = [pair for plugin in plugins.loaded() for pair in plugin.schemes.items()]
    added = [word for prefix, file in schemes for word in ("--scheme", prefix, str(file))]
    return shlex.join([sys.executable, str(HERE), str(REFERENCE), *added, mutant])


def session(program: str, reports: str, asked: Sequence[Mutant] = ()) -> list[str]:
    """Return the command line of a pytest session for `Killing`, on the initializer `program` (see `command`).

    With `asked`, pytest collects only the rules of these mutants, on their stores.
    """
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    line = [str(SUITE), *quiet, "-o", "tmp_path_retention_policy=none"]
    line += [f"--initializer=command:{program}", "--known-failures=none", f"--report-dir={reports}"]
    line += [f"--plugin={plugin.name}" for plugin in plugins.loaded()]
    rules = dict.fromkeys(rule for one in asked for rule in one.asked)
    stores = dict.fromkeys(store for one in asked for rule in one.asked for store in one.stores_of(current()[rule]))
    return [*line, *(f"--rule={rule}" for rule in rules), *(f"--store={store}" for store in stores if store)]


@dataclass(frozen=True)
class Task:
    """Cases that run in a process of their own, on a mutant or (None) the reference. `id` is unique in this run."""

    id: str
    mutant: Mutant | None
    items: Sequence[pytest.Item]

    @property
    def within_s(self) -> float:
        """Return the time limit for all cases together, in seconds."""
        return WITHIN_S * len(self.items)

    @property
    def measured(self) -> bool:
        """Return whether a case measures time or memory. Most of these cases wait for each other in any event."""
        return any(rule_of(item).profile == "throughput" for item in self.items)

    @property
    def slow(self) -> bool:
        """Return whether a case waits for time limits."""
        return any(waits(rule_of(item)) for item in self.items)


def tasks(mutants: Sequence[Mutant], items: Sequence[pytest.Item], *, whole: bool) -> list[Task]:
    """Return tasks of at most TOGETHER cases for each mutant, and one for each case of the reference.

    Tasks that measure come first, then tasks that wait for time limits.

    whole  run all cases on the reference, instead of only those that a mutant needs.
    """
    asked = [[item for item in items if concerns(mutant, item)] for mutant in mutants]
    wanted = items if whole else list(dict.fromkeys(item for some in asked for item in some))
    found = [
        *(Task(f"r{number}", None, [item]) for number, item in enumerate(wanted)),
        *(
            Task(f"m{number}x{first}", mutant, some[first : first + TOGETHER])
            for number, (mutant, some) in enumerate(zip(mutants, asked, strict=True))
            for first in range(0, max(1, len(some)), TOGETHER)
        ),
    ]
    return sorted(found, key=lambda task: (not task.measured, not task.slow))


def concerns(mutant: Mutant, item: pytest.Item) -> bool:
    """Return whether the case can tell the mutant from the reference."""
    return mutant.concerns(rule_of(item), store_of(item) or "", case_of(item))


class Killing:
    """Runs tasks instead of the collected cases.

    program  returns the text after `command:` that runs the mutant of that name, or the reference for `-`.
    verdict  judges a mutant by its results.

    The session's own report contains the results of the reference. `verdicts` and `reference` keep the results of both.
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
        self._sent: list[dict[str, Any]] = []  # in the process of a task: the reports to send
        self._task: Task | None = None
        self.verdicts: list[Verdict] = []
        self.reference: list[Result] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run every task in a fork of this process, so that no task imports and collects again."""
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        of_kserve()  # messages of failures name KServe's own, and every fork would read the list anew
        gc.freeze()
        todo = {task.id: task for task in tasks(self._mutants, session.items, whole=self._whole)}
        terminal.write_line(f"{len(self._mutants)} mutants, {len(todo)} tasks")
        # The number of cases for the reference, from which its report derives whether the run was cut off.
        session.testscollected = sum(len(task.items) for task in todo.values() if task.mutant is None)
        work = partial(self._perform, session)
        left = Counter(task.mutant.name for task in todo.values() if task.mutant)
        found: dict[str, list[Result]] = {name: [] for name in left}
        limit, few = attrgetter("within_s"), attrgetter("measured")
        for task, answer in each(todo.values(), work, at_a_time=self._at_a_time, within_s=limit, few=few):
            reports = [_died(task, answer)] if isinstance(answer, Died) else _received(session.config, answer)
            results = [result for report in reports if (result := _result(report))]
            if task.mutant is None:
                self.reference += results
                for report in reports:
                    session.config.hook.pytest_runtest_logreport(report=report)
                for item in task.items:
                    session.config.hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
                continue
            if isinstance(answer, Died):
                terminal.write_line(
                    f"{task.mutant.name}: {len(task.items)} cases have no result: {answer.why}", red=True
                )
            name = task.mutant.name
            found[name] += results
            left[name] -= 1
            if not left[name]:
                verdict = self._verdict(task.mutant, found.pop(name), session.config.stash[RUN].spec)
                self.verdicts.append(verdict)
                _tell(terminal, verdict)
        return True

    def _perform(self, session: pytest.Session, task: Task) -> list[dict[str, Any]]:
        """Run the items of the task, and return their reports. Runs in the fork."""
        config = session.config
        self._task, Controller.active = task, None
        config.pluginmanager.unregister(name="terminalreporter")
        run: Run = config.stash[RUN]
        folder = run.fleet.folder / "tasks" / task.id
        folder.mkdir(parents=True)
        os.environ |= {"PYTEST_XDIST_WORKER": task.id, "PYTEST_DEBUG_TEMPROOT": str(folder)}
        program = Command(self._program(task.mutant.name if task.mutant else "-"))
        assert isinstance(run.initializer, Command), "what `session` asks for"
        program.isolation = run.initializer.isolation
        mine = replace(run, initializer=program, options=replace(run.options, initializer=program))
        if task.mutant:  # keep evidence and measurements of a mutant out of the report
            mine.options, mine.fleet = replace(mine.options, report_dir=folder), replace(run.fleet, folder=folder)
        config.stash[RUN] = mine
        for item, following in zip(task.items, [*task.items[1:], None], strict=True):
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return self._sent

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of an item, in the fork."""
        if self._task is not None:
            config = self._task.items[0].config
            self._sent.append(config.hook.pytest_report_to_serializable(config=config, report=report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Print no dots, because each mutant has a line of its own."""
        return ("passed" if report.when == "call" else "", "", "") if report.passed else None


def _received(config: pytest.Config, answer: object) -> list[pytest.TestReport]:
    assert isinstance(answer, list), "what a task sends"
    return [config.hook.pytest_report_from_serializable(config=config, data=data) for data in answer]


def _died(task: Task, answer: Died) -> pytest.TestReport:
    """Return a report for a task that died: an error of the harness, not of a case."""
    item = task.items[0]
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", f"{task.id}: {answer.why}", "call")


def _result(report: pytest.TestReport) -> Result | None:
    sent = dict(report.user_properties).get(PROPERTY)
    return from_json(Result, sent["result"]) if isinstance(sent, dict) else None


def _tell(terminal: pytest.TerminalReporter, verdict: Verdict) -> None:
    """Print one line for a finished mutant, and one for each reason why it survived."""
    rules = ", ".join(dict.fromkeys(kill.rule for kill in verdict.kills))
    word = "SURVIVED" if not verdict.killed else "killed" if verdict.kills else "unnoticed"
    terminal.write_line(f"{word}  {verdict.mutant.name}  {rules}")
    for reason in verdict.wrong:
        terminal.write_line(f"    {reason}", red=True)
