"""Which case starts when, and how many processes run cases.

Some cases wait for most of their time: for time-outs and back-offs of the initializer, or for a line of a bounded
speed. They need no core, so they start at once, the longest first, each in a process of its own. A few other processes
run the cases that compute, from the first second on. docs/decisions/0021-schedule.md has the reasons and figures.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

from conformance.harness.items import rule_of
from conformance.spec import Rule
from scenarios.initializers.proc import available_memory, cores

#: Rules some of whose cases wait -> seconds of the longest, as seen with KServe's releases. A wrong one costs time.
_WAITS_S = {
    "ERR-003": 133,
    "ERR-009": 133,
    "ERR-014": 133,
    "FAULT-011": 132,
    "CRED-025": 132,
    "FAULT-006": 101,
    "FAULT-007": 100,
    "FAULT-012": 97,
    "CRED-009": 89,
    "FAULT-009": 88,
    "CRED-024": 86,
    "FAULT-017": 61,
    "SEC-012": 60,
    "FAULT-008": 47,
    "FAULT-001": 40,
    "CONTRACT-010": 30,
    "FAULT-010": 28,
    "MR-010": 20,
    "CRED-015": 15,
}
#: Budgets are held on bounded lines. Their cases share samples, so that the first of them takes the longest.
_BUDGET_S = 60
#: Rules whose cases compute for long, the longest first.
_HEAVY = ("PLACE-014", "PLACE-012")
#: For each core: processes that run cases which compute, and those that run cases which wait.
_COMPUTE, _WAIT = 2, 6
#: Bytes for one process, with the call that it makes.
_PROCESS_BYTES = 300 << 20


def waits(rule: Rule) -> bool:
    """Whether a case of the rule may wait for most of its time."""
    return _waits_s(rule) > 0


def ordered(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], int]:
    """The items in the order in which they start, and how many of them, the first ones, wait."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        rule = rule_of(item)
        return -_waits_s(rule), rule.id not in _HEAVY

    return sorted(items, key=place), sum(waits(rule_of(item)) for item in items)


def _waits_s(rule: Rule) -> int:
    return _WAITS_S.get(rule.id, _BUDGET_S if rule.budget else 0)


def processes(waiting: int | None = None) -> int:
    """How many processes run a selection with so many cases that wait: as many as help, and as memory allows."""
    most = _WAIT * cores()
    wanted = _COMPUTE * cores() + (most if waiting is None else min(waiting, most))
    return max(2, min(wanted, available_memory() // _PROCESS_BYTES))


def write_waiting(folder: Path, waiting: int) -> None:
    """Tell the scheduler how many cases wait: only the processes that collect know it, and all know the same."""
    draft = folder / f"waiting-{os.getpid()}"
    draft.write_text(str(waiting))
    draft.replace(folder / "waiting")


class Scheduling(LoadScheduling):  # type: ignore[misc]
    """pytest-xdist's own, but for the next case of a process.

    A process always has one case beside the one that it runs, so a case that waits is never handed out behind another
    one while there are cases that compute.
    """

    def __init__(self, config: pytest.Config, log: Producer | None, folder: Path) -> None:
        super().__init__(config, log)
        self._folder = folder
        self._waiting = 0

    def schedule(self) -> None:
        self._waiting = int((self._folder / "waiting").read_text())
        super().schedule()

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:  # noqa: ARG002 - as xdist calls it
        if node.shutting_down:
            return
        if self.pending:
            self._send_tests(node, 2 - len(self.node2pending[node]))
        else:
            node.shutdown()

    def _send_tests(self, node: WorkerController, num: int) -> None:
        chosen = []
        for _ in range(min(num, len(self.pending))):
            chosen.append(self._take(node))
            self.node2pending[node].append(chosen[-1])
        if chosen:
            node.send_runtest_some(chosen)

    def _take(self, node: WorkerController) -> int:
        """Remove the next case of `node` from those that are pending."""
        computing = min(_COMPUTE * cores(), max(1, len(self.nodes) // 2))
        last = self.node2pending[node][-1:]
        may_wait = self.nodes.index(node) >= computing and not (last and last[0] < self._waiting)
        wanted = (index for index in self.pending if (index < self._waiting) == may_wait)
        index: int = next(wanted, self.pending[0])
        self.pending.remove(index)
        return index
