"""The controlling process at the end of a run: what the report says of its extent, its list and its cost."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conformance.harness.controller import Controller
from conformance.harness.eligibility import required
from conformance.harness.outcome import PROPERTY
from conformance.harness.run import Run
from conformance.known_failures import KnownFailure, load
from conformance.spec import current
from reports import writer
from reports.model import Level, Outcome, Result, to_json
from scenarios.servers.fleet import Fleet
from tests.sample_options import OPTIONS


def _controller(folder: Path, known: tuple[KnownFailure, ...] = ()) -> Controller:
    """That of a run on no servers, without any selection, which has a passed result for each required pair."""
    options = replace(OPTIONS, known=known, report_dir=folder / "report")
    fleet = Fleet.without_servers(folder / "run")
    writer.prepare(options.report_dir)
    controller = Controller(
        Run(options=options, spec=current(), initializer=options.initializer, fleet=fleet, id="run"), time.monotonic()
    )
    for rule, store in sorted(required(controller.run)):
        profile = current()[rule].profile_on(store)
        result = Result(rule, Level.MUST, profile, "test_it", "", store, "", "process", Outcome.PASSED, 1.5)
        controller.add(_sent(f"{rule}-{store}", result))
    return controller


def _sent(nodeid: str, result: Result, held_up_s: float = 1.0) -> pytest.TestReport:
    """What a worker sends of a case that waited `held_up_s` for others."""
    sent = {
        "result": to_json(result), "calls": 1, "held_up_s": held_up_s, "initializer_cpu_s": 0.1,
        "reference_cpu_s": 0.2, "peak_memory_bytes": 0, "secrets": [],
    }  # fmt: skip
    report = pytest.TestReport(nodeid, ("", 0, ""), {}, "passed", None, "call")
    report.user_properties.append((PROPERTY, sent))
    return report


def _finish(controller: Controller, **changes: Any) -> tuple[int, dict[str, Any], str]:  # noqa: ANN401
    """Exit status, report and closing lines."""
    how: dict[str, Any] = {"left_out": {}, "by_pytest": (), "partial": False, "complete": True}
    status = controller.finish(**how | changes)
    report = json.loads((controller.run.options.report_dir / writer.REPORT).read_text())
    return status, report, "\n".join(controller.summary(colour=False, width=80))


def test_a_whole_run_is_not_partial(tmp_path: Path) -> None:
    """It left nothing out, and the terminal does not name any selection."""
    status, report, text = _finish(_controller(tmp_path))
    assert status == pytest.ExitCode.OK
    assert report["selection"] == {
        "profiles": [], "stores": [], "rules": [], "smoke": False, "left_out": [], "pytest": [], "cases_left_out": 0,
        "rules_left_out": 0,
    }  # fmt: skip
    assert {profile["verdict"] for profile in report["profiles"]} == {"conformant"}
    assert "NOTHING NEEDS ATTENTION" in text
    assert not [word for word in ("PARTIAL RUN", "Selected", "INCOMPLETE", "CUT OFF") if word in text]


def test_what_a_selection_left_out_is_counted(tmp_path: Path) -> None:
    """Cases and rules; a pair that has results too is named, because a part of it is missing."""
    left_out = {("PLACE-001", "s3"): 2, ("PLACE-001", "gcs"): 1, ("PLACE-002", "s3"): 3}
    _, report, text = _finish(_controller(tmp_path), left_out=left_out, by_pytest=("-k folder",))
    chosen = report["selection"]
    assert (chosen["pytest"], chosen["cases_left_out"], chosen["rules_left_out"]) == (["-k folder"], 6, 2)
    assert {"profile": "download/s3", "rule": "PLACE-001", "store": "s3"} in chosen["left_out"]
    assert "PARTIAL RUN: -k folder. A whole run adds 6 cases of 2 rules." in text
    assert "run without -k folder" in text


def test_nobody_counts_what_was_not_collected(tmp_path: Path) -> None:
    """A path to one file: every profile is incomplete, and no number is made up."""
    path = "conformance/download/test_placement.py"
    _, report, text = _finish(_controller(tmp_path), left_out={("X", "s3"): 1}, by_pytest=(path,), partial=True)
    assert report["selection"]["cases_left_out"] == report["selection"]["rules_left_out"] == 0
    assert {profile["verdict"] for profile in report["profiles"]} == {"incomplete"}
    assert f"PARTIAL RUN: {path}.\n" in text


@pytest.mark.parametrize(("left_out", "stale"), [({}, ["PLACE-003 (gcs, gone)"]), ({("PLACE-002", "s3"): 1}, [])])
def test_a_stale_entry_is_in_the_report(tmp_path: Path, left_out: dict[tuple[str, str], int], stale: list[str]) -> None:
    """A whole run without a case that it covers fails, and page and terminal name it; a partial one cannot know."""
    (tmp_path / "list.yaml").write_text(
        "initializer: mine\nentries:\n"
        "- {rule: PLACE-003, stores: [gcs], cases: [gone], reason: it was so once,\n"
        "   reference: reported to the vendor on 2026-01-31, expires: 2026-06-30}\n"
    )
    controller = _controller(tmp_path, tuple(load(tmp_path / "list.yaml", current(), None, date(2026, 6, 1))))
    status, report, text = _finish(controller, left_out=left_out)
    assert report["stale"] == stale
    assert status == (pytest.ExitCode.TESTS_FAILED if stale else pytest.ExitCode.OK)
    told = "no case of this run matches PLACE-003 (gcs, gone)"
    assert (f"STALE KNOWN FAILURES: {told}" in text) is bool(stale)
    assert (told in (tmp_path / "report" / writer.PAGE).read_text()) is bool(stale)


def test_a_leak_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted credential in one of the report's own files fails the run."""
    monkeypatch.setattr(writer, "leaking", lambda *_: ["junit.xml"])
    status, _, text = _finish(_controller(tmp_path))
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "LEAK junit.xml contains a test credential" in text
    assert "NOTHING NEEDS ATTENTION" not in text


def test_the_longest_case_bounds_the_run(tmp_path: Path) -> None:
    """The time that it waited for other cases is none of its own."""
    _, report, _ = _finish(_controller(tmp_path))
    cost = report["metrics"]
    assert cost["longest_case_s"] == 0.5
    assert cost["bound_s"] == max(0.5, round(cost["cpu_s"] / cost["cores"], 3))


def test_measured_work_is_no_work_of_the_harness(tmp_path: Path) -> None:
    """The CPU time of initializer and reference clients is summed over the cases, each for itself."""
    controller = _controller(tmp_path)
    cases = controller.judged
    _, report, _ = _finish(controller)
    cost = report["metrics"]
    assert cost["initializer_cpu_s"] == pytest.approx(0.1 * cases, abs=0.001)
    assert cost["reference_cpu_s"] == pytest.approx(0.2 * cases, abs=0.001)


def test_an_entry_of_one_test_covers_its_case(tmp_path: Path) -> None:
    """It names the test, and is not stale where that test has a result."""
    (tmp_path / "list.yaml").write_text(
        "initializer: mine\nentries:\n"
        "- {rule: PLACE-003, stores: [s3], tests: [TEST], reason: it was so once,\n"
        "   reference: reported to the vendor on 2026-01-31, expires: 2026-06-30}\n"
    )
    entries = tuple(load(tmp_path / "list.yaml", current(), None, date(2026, 6, 1)))
    controller = _controller(tmp_path, entries)
    test = next(r.test for r in controller._results.values() if (r.rule, r.store) == ("PLACE-003", "s3"))
    assert controller._unused_entries() == list(entries)
    named = replace(entries[0], tests=frozenset({test}))
    assert _controller(tmp_path, (named,))._unused_entries() == []
