"""In which order the cases of a run begin, and in which process."""

from __future__ import annotations

import json
import subprocess
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.harness import schedule
from conformance.harness.schedule import Scheduling, ordered, processes
from scenarios.initializers import proc
from tests.suite_runs import HONEST, command_of

QUICK = [f"PLACE-{number:03}" for number in (1, 2, 3, 4, 5, 6, 7, 8)]


class _Item:
    """A collected case, as far as its order depends on it."""

    def __init__(self, rule: str) -> None:
        self.rule = rule

    def get_closest_marker(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(args=(self.rule,))


def _order(rules: list[str]) -> tuple[list[str], int]:
    items, waiting = ordered(cast("list[pytest.Item]", [_Item(rule) for rule in rules]))
    return [cast("_Item", item).rule for item in items], waiting


def test_the_longest_cases_come_first() -> None:
    """Those that wait, then budgets, then the rest as it was collected, but for cases that compute for long."""
    rules = [*QUICK[:2], "CRED-015", "PERF-001", "PLACE-012", "ERR-009"]
    assert _order(rules) == (["ERR-009", "PERF-001", "CRED-015", "PLACE-012", *QUICK[:2]], 3)


class _Node:
    """A process of pytest-xdist, with the cases that it was given."""

    def __init__(self) -> None:
        self.given: deque[int] = deque()
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="gw")

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def scheduling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduling:
    """A scheduler for four processes on one core, with eight cases that wait (0 to 7) and twelve that compute."""
    monkeypatch.setattr(schedule, "cores", lambda: 1)
    schedule.write_waiting(tmp_path, 8)
    option = SimpleNamespace(tx=["4*popen"])
    config = SimpleNamespace(
        option=option, getoption=lambda name, *_: 1 if name == "maxschedchunk" else None, getvalue=lambda _: ["4*popen"]
    )
    made = Scheduling(cast("Any", config), None, tmp_path)
    for _ in range(4):
        node = _Node()
        made.add_node(node)
        made.add_node_collection(node, [f"case-{number}" for number in range(20)])
    made.schedule()
    return made


def test_some_processes_compute_from_the_start(scheduling: Scheduling) -> None:
    """Two for a core; the others begin with a case that waits, and one that computes behind it."""
    assert [list(node.given) for node in scheduling.nodes] == [[8, 9], [10, 11], [0, 12], [1, 13]]


def test_no_case_that_waits_stands_behind_another(scheduling: Scheduling) -> None:
    """As long as there is one that computes."""
    node = scheduling.nodes[2]
    for _ in range(3):
        scheduling.mark_test_complete(node, node.given.popleft())
    assert list(node.given) == [14, 3]
    assert scheduling.pending[:3] == [4, 5, 6]


def test_every_case_runs_once(scheduling: Scheduling) -> None:
    """Also where only cases that wait are left, and after the death of a process."""
    died = scheduling.nodes[3]
    assert scheduling.remove_node(died) == "case-1"
    done = [1]
    while any(node.given for node in scheduling.nodes):
        for node in scheduling.nodes:
            if node.given:
                done.append(node.given.popleft())
                scheduling.mark_test_complete(node, done[-1])
    assert sorted(done) == list(range(20))
    assert scheduling.tests_finished
    assert all(node.shutting_down for node in scheduling.nodes)


@pytest.mark.parametrize(
    ("cores", "gib", "waiting", "expected"),
    [(2, 24, None, 24), (1, 24, None, 12), (2, 24, 3, 7), (2, 24, 0, 4), (1, 2, None, 6), (1, 0.1, None, 2)],
)
def test_processes(monkeypatch: pytest.MonkeyPatch, cores: int, gib: float, waiting: int | None, expected: int) -> None:
    """Some to compute and one for each case that waits, as far as memory goes."""
    monkeypatch.setattr(schedule, "cores", lambda: cores)
    monkeypatch.setattr(schedule, "available_memory", lambda: int(gib * 2**30))
    assert processes(waiting) == expected


def test_available_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A control group may allow less than the machine has."""
    whole = proc.available_memory()
    assert whole > 0
    for name, content in (("max", f"{300 << 20}\n"), ("current", f"{100 << 20}\n")):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(proc, "_MEMORY_LIMITS", ((tmp_path / "max", tmp_path / "current"), ("/none", "/none")))
    assert proc.available_memory() == min(200 << 20, proc.available_memory())
    (tmp_path / "max").write_text("max\n")
    assert proc.available_memory() > 0


def test_two_runs_of_one_user(tmp_path: Path) -> None:
    """At the same time, with the same cores: each ends with its own whole report, and takes nothing of the other's."""
    folders = [tmp_path / "one", tmp_path / "other"]
    runs = []
    for folder in folders:
        folder.mkdir()
        command = command_of(
            folder, "--initializer", HONEST, "--store", "http,local", "--rule", "PLACE-001,ERR-00*", "-n", "2"
        )
        runs.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    texts = [one.communicate(timeout=300)[0] for one in runs]
    assert [one.returncode for one in runs] == [0, 0], "\n".join(texts)
    reports = [json.loads((folder / "reports" / "report.json").read_text()) for folder in folders]
    assert all(report["footer"]["complete"] for report in reports)
    keys = [sorted((r["rule"], r["store"], r["case"], r["outcome"]) for r in report["results"]) for report in reports]
    assert keys[0] == keys[1]
    assert len(keys[0]) > 5
