"""The proof that rules notice: what counts as killed, what is missing, and what is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.spec import current
from reports.model import Level, Outcome, Result
from scenarios.initializers import newest
from scenarios.network.gateway import fault_plan
from scenarios.servers import identity_services
from tests.mutants import killing, matrix, pool, registry
from tests.mutants.registry import Mutant, Registry, RegistryError
from tests.mutants.verdict import disgraced, judge

ROOT = Path(__file__).parents[2]
SPEC = current()


def result(rule: str, store: str, outcome: Outcome, case: str = "", reason: str = "") -> Result:
    """A result as a run of the suite reports it."""
    return Result(
        rule=rule,
        level=Level.MUST,
        profile=f"download/{store}",
        test="test_it",
        case=case,
        store=store,
        server="",
        route="process",
        outcome=outcome,
        duration_s=0.1,
        reason=reason,
    )


def declared(*rules: str, stores: tuple[str, ...] = (), cases: tuple[str, ...] = ()) -> Registry:
    """A registry of one mutant that breaks nothing."""
    known = Registry()

    @known.mutant(*rules, stores=stores, cases=cases)
    def harmless() -> None:
        """Breaks nothing."""

    return known


def only(known: Registry) -> Mutant:
    (one,) = known
    return one


def test_the_servers_find_the_case_of_every_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's faults and the identities of pods belong to a case, whose name has that of the task."""
    monkeypatch.setattr(killing, "concerns", lambda *_: True)
    monkeypatch.setattr(killing, "rule_of", lambda _: SPEC["PLACE-001"])
    items: Any = range(2 * killing.TOGETHER)
    for task in killing.tasks([only(declared("PLACE-001"))], items, whole=True):
        case = f"case-{task.id}-17"
        assert fault_plan.CASE.findall(f"/{case}/model") == [case]
        assert identity_services.CASE.findall(f"/{case}/model") == [case]


def test_a_mutant_that_a_rule_noticed_is_killed() -> None:
    """One case that failed is enough, whatever became of the others."""
    mutant = only(declared("PLACE-001"))
    seen = [result("PLACE-001", "local", Outcome.FAILED, "a"), result("PLACE-001", "local", Outcome.PASSED, "b")]
    verdict = judge(mutant, seen, SPEC)
    assert verdict.killed
    assert [(kill.rule, kill.store, kill.failed, kill.ran) for kill in verdict.kills] == [("PLACE-001", "local", 1, 2)]


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.ERROR, Outcome.NOT_RUN, Outcome.UNSUPPORTED])
def test_nothing_but_a_failure_notices(outcome: Outcome) -> None:
    """An error proves nothing, and neither does a case that did not run."""
    seen = [result("PLACE-001", "local", outcome, reason="because")]
    verdict = judge(only(declared("PLACE-001")), seen, SPEC)
    assert not verdict.killed
    assert verdict.wrong == [f"PLACE-001 on local did not notice: 1 {outcome}; because"]


def test_a_mutant_that_stumbles_is_not_noticed() -> None:
    """A mistake in the mutant itself fails calls too, and proves nothing."""
    seen = [replace(result("PLACE-001", "local", Outcome.FAILED), message=f"exit code 1\n  | {registry.CRASHED}")]
    verdict = judge(only(declared("PLACE-001")), seen, SPEC)
    assert verdict.wrong == ["PLACE-001 on local did not notice: 1 the mutant crashed"]


def test_every_rule_named_must_notice() -> None:
    """That one of two rules noticed does not speak for the other."""
    verdict = judge(only(declared("PLACE-001", "PLACE-009")), [result("PLACE-001", "local", Outcome.FAILED)], SPEC)
    assert verdict.wrong == ["PLACE-009 on local did not notice: no case of it ran"]


def test_every_store_named_must_notice() -> None:
    """A defect in two downloaders is to be seen in both."""
    mutant = only(declared("PLACE-001", stores=("s3", "gcs")))
    verdict = judge(mutant, [result("PLACE-001", "s3", Outcome.FAILED)], SPEC)
    assert verdict.wrong == ["PLACE-001 on gcs did not notice: no case of it ran"]


def test_what_concerns_a_mutant() -> None:
    """Its rules, on its stores or the quickest, and of these the cases that it names."""
    anywhere = only(declared("PLACE-013"))
    assert anywhere.concerns(SPEC["PLACE-013"], "local", "space")
    assert not anywhere.concerns(SPEC["PLACE-013"], "s3", "space")
    assert not anywhere.concerns(SPEC["PLACE-001"], "local", "")
    narrow = only(declared("PLACE-013", stores=("s3",), cases=("sp*",)))
    assert narrow.concerns(SPEC["PLACE-013"], "s3", "space")
    assert not narrow.concerns(SPEC["PLACE-013"], "s3", "plus")
    assert only(declared("CONTRACT-001")).stores_of(SPEC["CONTRACT-001"]) == ("",)


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (declared("PLACE-999"), "harmless: the spec has no rule PLACE-999"),
        (declared("PLACE-017", stores=("s3",)), "harmless: PLACE-017 does not apply to s3"),
        (declared(), "harmless: a mutant has a docstring and names the rules that must notice"),
    ],
    ids=["unknown-rule", "no-such-store", "no-rule"],
)
def test_a_mutant_that_no_rule_can_notice_is_refused(known: Registry, says: str) -> None:
    """Before anything is run."""
    with pytest.raises(RegistryError, match=says):
        known.check(SPEC)


def test_two_mutants_of_one_name_are_refused() -> None:
    """One would hide the other."""
    known = declared("PLACE-001")
    with pytest.raises(RegistryError, match="two mutants"):
        known.mutant("PLACE-001")(only(known).breaks)


def test_a_rule_without_a_mutant_is_told() -> None:
    """Every MUST and SHOULD that a process shows; a MAY and rules on injection are not asked for."""
    missing = declared("PLACE-001").without_mutant(SPEC, newest())
    assert "PLACE-001" not in missing
    assert {"PLACE-002", "PLACE-016", "ERR-001"} <= set(missing)
    assert not {"CONTRACT-012", "INJECT-001", "NS-001"} & set(missing)


def test_the_mutants_of_this_suite() -> None:
    """They fit the spec, and every rule that needs one has one."""
    known = registry.load()
    known.check(SPEC)
    assert known.without_mutant(SPEC, newest()) == []


def test_the_page_names_every_mutant() -> None:
    """What tests/mutants/ declares is on docs/mutants.md, and nothing else."""
    assert matrix.stale(matrix.PAGE.read_text(), registry.load()) == []


def test_a_page_of_other_mutants_is_stale() -> None:
    """The page that a run makes fits its registry, and no other."""
    known = declared("PLACE-001")
    text = matrix.page([judge(only(known), [result("PLACE-001", "local", Outcome.FAILED)], SPEC)], SPEC)
    assert "| PLACE-001 | MUST | `harmless` | local 1 of 1 |" in text
    assert matrix.stale(text, known) == []
    assert matrix.stale(text, declared("PLACE-002")) == [
        "PLACE-002 x harmless is not on the page",
        "PLACE-001 x harmless is on the page, but is no more",
    ]


def test_the_reference_must_pass() -> None:
    """Nothing may fail, and of each rule something has to pass; what a server cannot play is nobody's fault."""
    seen = [
        result("ERR-001", "s3", Outcome.PASSED),
        result("ERR-001", "gcs", Outcome.NOT_RUN, reason="x"),
        result("ERR-002", "s3", Outcome.NOT_RUN, reason="y"),
        result("ERR-003", "s3", Outcome.ERROR, reason="z"),
    ]
    assert disgraced(seen) == ["ERR-003 s3 error: z", "ERR-002: no case of it passed: y"]


def test_work_is_done_side_by_side() -> None:
    """Each in a process of its own, and every answer comes with its key."""
    answers = dict(pool.each("abc", lambda key: (key * 2, os.getpid()), at_a_time=2, within_s=lambda _: 30))
    assert {key: answer[0] for key, answer in answers.items()} == {"a": "aa", "b": "bb", "c": "cc"}  # type: ignore[index]
    assert os.getpid() not in {answer[1] for answer in answers.values()}  # type: ignore[index]


def test_few_of_a_kind_are_done_side_by_side() -> None:
    """The others go past those that have to wait."""
    keys = [f"few-{number}" for number in range(4)] + ["other"]
    done = pool.each(keys, _nap, at_a_time=5, within_s=lambda _: 30, few=lambda key: key != "other")
    assert next(iter(done))[0] == "other"
    assert {key for key, _ in done} == set(keys) - {"other"}


def _nap(key: str) -> None:
    time.sleep(0 if key == "other" else 0.5)


def _misbehave(how: str) -> object:
    if how == "exit":
        os._exit(3)
    time.sleep(60)
    return None


def test_a_process_without_an_answer_is_told() -> None:
    """One that dies and one that does not end stop nobody else."""
    answers = dict(pool.each(["exit", "hang"], _misbehave, at_a_time=2, within_s=lambda _: 2))
    assert answers == {"exit": pool.Died("ended with status 3"), "hang": pool.Died("no answer within 2 s")}


def test_who_stops_listening_leaves_no_process() -> None:
    """Ctrl-C closes the generator in the middle."""
    working = pool.each(["exit", "hang"], _misbehave, at_a_time=2, within_s=lambda _: 60)
    next(working)
    began = time.monotonic()
    working.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "tests.mutants.run", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_mutant_and_the_reference_in_a_whole_run(tmp_path: Path) -> None:
    """Servers, collection, processes and verdict together, for one mutant."""
    done = _command("--only", "flattened", "-n", "2", "--report-dir", str(tmp_path / "reports"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed  flattened  PLACE-001" in done.stdout
    assert "1 of 1 mutants killed" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--only", "nobody"), ("--only", "flattened", "--write"), ("--nonsense",)],
    ids=lambda given: given[-1],
)
def test_a_command_line_that_cannot_be(arguments: tuple[str, ...]) -> None:
    """Exit status 2, and a word on what is wrong."""
    done = _command(*arguments)
    assert done.returncode == 2
    assert done.stderr
