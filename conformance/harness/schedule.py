"""Schedule the cases, and choose the number of processes that run them.

Some cases wait most of the time: for time limits and back-offs of the initializer, or for a throttled link. They need
no core, so they start at once, the longest first, each in its own process. A few other processes run the cases that
compute, from the first second on. docs/decisions/0021-schedule.md has the reasons and figures.
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

#: Rule with cases that wait -> seconds of the longest, measured with KServe's releases. A wrong value only costs time.
_WAITS_S = {
    "NET-003": 147,
    "ERR-003": 133,
    "ERR-009": 133,
    "ERR-014": 133,
    "FAULT-011": 132,
    "CRED-025": 132,
    "IDENT-005": 120,
    "FAULT-006": 101,
    "IDENT-008": 101,
    "FAULT-007": 100,
    "IDENT-007": 100,
    "IDENT-003": 99,
    "FAULT-012": 97,
    "IDENT-009": 95,
    "CRED-009": 89,
    "FAULT-009": 88,
    "CRED-024": 86,
    "IDENT-006": 78,
    "LIST-002": 66,
    "IDENT-011": 60,
    "FAULT-017": 61,
    "SEC-012": 60,
    "FAULT-008": 47,
    "FAULT-001": 40,
    "CONTRACT-010": 30,
    "FAULT-010": 28,
    "IDENT-002": 22,
    "MR-010": 20,
    "CRED-015": 15,
}
#: Seconds of a case with a budget, over a throttled link. Cases share samples, so the first case takes the longest.
_BUDGET_S = 60
#: Rules whose cases compute for a long time, the longest first.
_HEAVY = ("PLACE-014", "PLACE-012")
#: Processes for each core: for cases that compute, and for cases that wait.
_COMPUTE, _WAIT = 2, 10
#: Memory of one process and its call, in bytes.
_PROCESS_BYTES = 300 << 20


def waits(rule: Rule) -> bool:
    """Return whether a case of the rule may wait for most of its time."""
    return _waits_s(rule) > 0


def ordered(items: Sequence[pytest.Item]) -> tuple[list[pytest.Item], int]:
    """Return the items in starting order, and how many of the first ones are cases that wait."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        rule = rule_of(item)
        return -_waits_s(rule), rule.id not in _HEAVY

    return sorted(items, key=place), sum(waits(rule_of(item)) for item in items)


def _waits_s(rule: Rule) -> int:
    return _WAITS_S.get(rule.id, _BUDGET_S if rule.budget else 0)


def processes(waiting: int | None = None) -> int:
    """Return the number of processes for a selection with `waiting` cases that wait, within the available memory."""
    most = _WAIT * cores()
    wanted = _COMPUTE * cores() + (most if waiting is None else min(waiting, most))
    return max(2, min(wanted, available_memory() // _PROCESS_BYTES))


def write_waiting(folder: Path, waiting: int) -> None:
    """Pass the number of waiting cases to the scheduler. Only workers know it, and all have the same number."""
    draft = folder / f"waiting-{os.getpid()}"
    draft.write_text(str(waiting))
    draft.replace(folder / "waiting")


class Scheduling(LoadScheduling):  # type: ignore[misc]
    """pytest-xdist's LoadScheduling with another choice of a process's next case.

    A process always has one more case queued behind the one that it runs. Therefore the scheduler never queues a case
    that waits while cases that compute remain.
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
        """Remove the next case for `node` from the pending ones, and return it."""
        computing = min(_COMPUTE * cores(), max(1, len(self.nodes) // 2))
        last = self.node2pending[node][-1:]
        may_wait = self.nodes.index(node) >= computing and not (last and last[0] < self._waiting)
        wanted = (index for index in self.pending if (index < self._waiting) == may_wait)
        index: int = next(wanted, self.pending[0])
        self.pending.remove(index)
        return index
