"""The machinery of the webhook's mutants, without a cluster: declarations, seams, rows, verdicts and the page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from conformance.api.exceptions import RuleViolation
from conformance.api.pod import InjectedPod
from conformance.spec import current
from reports.model import Level, Outcome, Result
from scenarios.cluster.admission import AdmissionClient, Answer
from scenarios.cluster.kubernetes import Object
from scenarios.cluster.model_caches import ModelCaches
from tests.webhook_mutants import matrix
from tests.webhook_mutants.__main__ import PROVEN, USAGE, main
from tests.webhook_mutants.groups import load
from tests.webhook_mutants.registry import Mutant, Registry, RegistryError
from tests.webhook_mutants.samples import PODS, download_job, downloading, on_a_claim
from tests.webhook_mutants.seams import of_pods
from tests.webhook_mutants.verdict import Seen, Verdict, What, faults, judge, unlisted, unproven

ROOT = Path(__file__).parents[2]
SPEC = current()


#: Those that alter admitted pods.
OF_PODS = [
    one
    for one in load()
    if one.seams == [(AdmissionClient, "submit")] and one.alter.__qualname__.startswith(f"{of_pods.__name__}.")
]


def _changes(mutant: Mutant, pod: Object) -> bool:
    """Whether the mutant changes the pod; it may stumble over one that it is not meant for."""
    try:
        return bool(mutant.alter(Answer({}, deepcopy(pod))).stored != pod)
    except (IndexError, KeyError, StopIteration):
        return False


@pytest.mark.parametrize("mutant", OF_PODS, ids=lambda one: one.name)
def test_a_mutant_of_pods_changes_some_pod(mutant: Mutant) -> None:
    """One that changes nothing could only be survived."""
    assert any(_changes(mutant, make()) for make in PODS)


#: Those that alter download jobs of the model cache.
OF_JOBS = [one for one in load() if one.seams == [(ModelCaches, "job")]]


@pytest.mark.parametrize("mutant", OF_JOBS, ids=lambda one: one.name)
def test_a_mutant_of_download_jobs_changes_a_job(mutant: Mutant) -> None:
    """And the job as KServe made it stays as it was."""
    job = download_job()
    assert mutant.alter(job) != job
    assert job == download_job()


def test_answers_are_altered_in_copies() -> None:
    """What KServe answered stays as it was: transcripts have the truth."""
    pod = downloading()
    altered = load().mutants["injects_nothing"].alter(Answer({}, pod))
    assert pod == downloading()
    assert InjectedPod(altered.stored, str).init_names == ["first", "second"]


def test_what_a_pod_lacks_is_a_failure_of_the_webhook() -> None:
    """A KeyError would be taken for an error of the suite."""
    pod = InjectedPod(on_a_claim(), str)
    with pytest.raises(RuleViolation, match="no mount in kserve-container: /mnt/pvc, only: /mnt/models"):
        _ = pod.model_server.mounts["/mnt/pvc"]
    with pytest.raises(RuleViolation, match="no source in volume claim: emptyDir"):
        _ = pod.volumes["claim"]["emptyDir"]


def test_every_rule_has_a_mutant() -> None:
    """Also rules that the newest release is not judged by."""
    known = load()
    known.check(SPEC)
    assert known.without_mutant(SPEC) == []


def test_the_suite_is_altered_while_a_mutant_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no longer."""
    monkeypatch.setattr(AdmissionClient, "answer", lambda _, manifest: Answer(manifest, downloading()))
    api = object.__new__(AdmissionClient)
    api.transcript = []
    with load().mutants["injects_nothing"].applied():
        assert _init_names(api) == ["first", "second"]
    assert _init_names(api) == ["first", "second", "storage-initializer"]


def _init_names(api: AdmissionClient) -> list[str]:
    stored = api.submit(downloading()).stored
    return InjectedPod(stored or {}, str).init_names


def _breaks_nothing(pod: Object) -> None:
    """Nothing."""


def _mute(pod: Object) -> None: ...


@pytest.mark.parametrize(
    ("function", "rules", "words"),
    [
        (_breaks_nothing, [], "names the rules"),
        (_breaks_nothing, ["CONTRACT-001"], "have no rule CONTRACT-001"),
        (_breaks_nothing, ["INJECT-999"], "have no rule INJECT-999"),
        (_mute, ["INJECT-001"], "docstring"),
    ],
    ids=["no-rule", "rule-of-another-profile", "unknown-rule", "no-docstring"],
)
def test_a_declaration_that_cannot_be(function: Callable[..., Any], rules: list[str], words: str) -> None:
    """Said before anything runs."""
    registry = Registry()
    registry.declare(function, rules, [(AdmissionClient, "submit")], str)
    with pytest.raises(RegistryError, match=words):
        registry.check(SPEC)


def test_two_mutants_of_one_name() -> None:
    """The name is what the matrix goes by."""
    registry = Registry()
    registry.declare(_breaks_nothing, ["INJECT-001"], [], str)
    with pytest.raises(RegistryError, match="two mutants"):
        registry.declare(_breaks_nothing, ["INJECT-002"], [], str)


def _mutant(*rules: str) -> Mutant:
    registry = Registry()
    registry.declare(_breaks_nothing, rules, [], str)
    return registry.mutants["_breaks_nothing"]


def test_a_mutant_may_name_cases() -> None:
    """Where one case costs much, or only one can notice."""
    mutant = _mutant("INJECT-005[true]", "INJECT-005[f*]", "INJECT-004")
    cases = [
        ("INJECT-005", "true"),
        ("INJECT-005", "false"),
        ("INJECT-005", ""),
        ("INJECT-004", ""),
        ("INJECT-001", "s3"),
    ]
    assert [mutant.concerns(*case) for case in cases] == [True, True, False, True, False]
    assert set(mutant.within(["*-004"]).rules) == {"INJECT-004"}


def test_rows_of_mutants_stand_beside_the_unaltered_ones() -> None:
    """Only with the cases that a mutant names; what is unaltered keeps its name."""
    command = [sys.executable, "-m", "pytest", str(ROOT / "conformance"), "--collect-only", "-q", "--cluster=kind"]
    command += ["-p", "tests.webhook_mutants.plugin", "--mutant=the_agent_must_be_true", "--rule=INJECT-005"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False).stdout
    test = "conformance/injection/test_injection.py::test_the_agent_takes_over"
    rows = ["true", "false", "", "false-the_agent_must_be_true", "-the_agent_must_be_true"]
    assert {line for line in told.splitlines() if "::" in line} == {f"{test}[{row}]" for row in rows}


@pytest.fixture
def result() -> Callable[..., Seen]:
    """Results by rule, case, outcome, mutant and reason."""

    def make(rule: str, case: str, outcome: str, mutant: str = "", reason: str = "") -> Seen:
        return Seen(
            mutant,
            Result(
                rule=rule, level=Level.MUST, profile="injection", test="test", case=case, store="", server="",
                route="admission", outcome=Outcome(outcome), duration_s=0.1, message="", reason=reason,
            ),
        )  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (["passed", "passed"], ["passed", "failed"], What.NOTICED),
        (["passed", "passed"], ["passed", "passed"], What.SURVIVED),
        (["passed"], ["error"], What.SURVIVED),
        (["failed", "passed"], ["failed", "passed"], What.SURVIVED),
        (["failed"], ["failed"], What.BROKEN),
        (["error"], ["failed"], What.NOT_SHOWN),
        (["not-run"], ["not-run"], What.NOT_SHOWN),
        ([], [], What.NOT_SHOWN),
    ],
    ids=[
        "one-case", "survivor", "error-only", "only-the-broken-case", "broken-itself", "harness", "not-run", "no-case"
    ],
)  # fmt: skip
def test_verdicts(result: Callable[..., Seen], before: list[str], after: list[str], what: What) -> None:
    """A case has to pass unaltered, and to fail altered."""
    seen = [result("INJECT-001", str(number), outcome) for number, outcome in enumerate(before)]
    seen += [result("INJECT-001", str(n), outcome, "_breaks_nothing") for n, outcome in enumerate(after)]
    (verdict,) = judge([_mutant("INJECT-001")], seen, SPEC, "0.20.0")
    assert verdict.what is what
    assert bool(faults([verdict])) == (what in {What.SURVIVED, What.NOT_SHOWN})


def test_rules_of_other_releases_are_not_judged() -> None:
    """INJECT-028 came with 0.20."""
    assert list(judge([_mutant("INJECT-028")], [], SPEC, "0.15.2")) == []


def test_what_did_not_run_unaltered_is_told(result: Callable[..., Seen]) -> None:
    """An error of the harness hides what a rule would have said."""
    seen = [result("INJECT-001", "s3", "error", reason="lost"), result("INJECT-001", "s3", "error", "some_mutant")]
    assert unproven(seen, SPEC) == ["INJECT-001 s3 unaltered: error: lost"]


def test_what_a_release_breaks_is_listed() -> None:
    """The page says of every such rule that it is a known failure."""
    broken = [Verdict("INJECT-001", name, What.BROKEN, "no mount") for name in ("one", "another")]
    (told,) = unlisted(broken, {"INJECT-002"})
    assert told == "INJECT-001 fails unaltered, and is no known failure of this release: no mount"
    assert unlisted(broken, {"INJECT-001"}) == []


def _registry() -> Registry:
    registry = Registry()
    registry.declare(_breaks_nothing, ["INJECT-001", "INJECT-002"], [], str)
    return registry


def test_the_page_keeps_what_other_releases_showed() -> None:
    """And forgets what this one showed before."""
    registry = _registry()
    old: matrix.Pairs = {("INJECT-001", "_breaks_nothing"): {What.NOTICED: {"0.15.2", "0.20.0"}}}
    new = [
        Verdict("INJECT-001", "_breaks_nothing", What.BROKEN),
        Verdict("INJECT-002", "_breaks_nothing", What.SURVIVED),
    ]
    page = matrix.page(
        matrix.merged(matrix.read(matrix.page(old, registry, SPEC)), new, "0.20.0", registry), registry, SPEC
    )
    assert matrix.read(page)["INJECT-001", "_breaks_nothing"] == {What.NOTICED: {"0.15.2"}, What.BROKEN: {"0.20.0"}}
    assert matrix.gaps(matrix.read(page), registry) == ["INJECT-002 on _breaks_nothing was shown on no release"]


def test_a_page_that_is_behind() -> None:
    """A mutant was added, and another one renamed."""
    registry = _registry()
    page = matrix.page({}, registry, SPEC).replace("| INJECT-001 |", "| INJECT-003 |")
    assert [line.partition(" on ")[0] for line in matrix.stale(page, registry)] == ["INJECT-001", "INJECT-003"]


def test_the_page_has_every_mutant_and_no_gap() -> None:
    """Runs write it; a new mutant has to be run before it is kept."""
    page, known = matrix.PAGE.read_text(), load()
    assert matrix.stale(page, known) == []
    assert matrix.gaps(matrix.read(page), known) == []
    assert page == matrix.page(matrix.read(page), known, SPEC), "the page is not what a run would write"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--list"], PROVEN), (["--only", "no_such"], USAGE), (["--rule", "CSC-*", "--write"], USAGE)],
    ids=["list", "nothing-chosen", "write-of-a-part"],
)
def test_exit_status_of_what_runs_nothing(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started for these."""
    assert main(arguments) == status
    assert capsys.readouterr() != ("", "")


def test_an_unknown_release(capsys: pytest.CaptureFixture[str]) -> None:
    """Only releases that can be installed have a webhook to alter."""
    with pytest.raises(SystemExit) as stopped:
        main(["--kserve", "0.1.0"])
    assert stopped.value.code == USAGE
    assert "0.20.0" in capsys.readouterr().err
