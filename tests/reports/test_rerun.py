"""`verify --rerun N`: a repeated sample confirms an honest report, and shows a forged one to be forged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.__main__ import main
from reports.claims import Claims
from reports.installed import Installed
from reports.model import Outcome, Report
from reports.reader import load
from reports.rerun import CannotRepeat, Repeat, rerun
from tests.genuine_report import follow, genuine, save
from tests.suite_runs import HONEST, broken, run

RULES = ("--store=local", "--rule=PLACE-001", "--kserve=0.21.0")


def _report(folder: Path, initializer: str) -> Path:
    run(folder, f"--initializer={initializer}", *RULES)
    return folder / "reports" / "report.json"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a program that keeps the rule."""
    return _report(tmp_path_factory.mktemp("honest"), HONEST)


def test_an_honest_report_is_confirmed(honest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(honest), "--rerun", "1", "--seed", "7", "--initializer", HONEST]) == 0
    output = capsys.readouterr().out
    assert "1 case, seed 7: all ended as in the report" in output
    assert "the program here has the digest of the report" in output
    assert "\nconsistent, unsigned, repeated\n" in output


def test_a_forged_report_is_shown_to_be_forged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The forgery is consistent: every other check accepts it."""
    program = broken("flatten")
    forged = follow(_without_failures(load(_report(tmp_path, program))))
    path = save(forged, tmp_path / "forged")
    assert main(["verify", str(path)]) == 0
    everything = str(len(forged.results))
    assert main(["verify", str(path), "--rerun", everything, "--initializer", program]) == 1
    output = capsys.readouterr().out
    assert "ended differently: PLACE-001 local test_" in output
    assert "passed then failed" in output
    assert "NOT VERIFIED: rerun" in output


def _without_failures(report: Report) -> Report:
    assert Outcome.FAILED in {result.outcome for result in report.results}
    results = tuple(
        replace(one, outcome=Outcome.PASSED, message="", evidence=()) if one.outcome is Outcome.FAILED else one
        for one in report.results
    )
    return replace(report, results=results)


def test_another_program_is_noticed(honest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(honest), "--rerun", "1", "--initializer", broken("private")]) == 1
    assert "repeat the cases with the program that was tested" in capsys.readouterr().out


def test_what_cannot_be_repeated() -> None:
    """Each refusal comes before anything runs, but for a program that does not exist."""
    report, suite = genuine("pvc"), Installed()
    cluster = replace(report.environment, cluster=replace(report.environment.cluster, provider="kind"))
    for changed, initializer, reason in (
        (replace(report, environment=cluster), HONEST, "run on a cluster"),
        (report, "", "starts no program that only a report names"),
        (replace(report, claims=Claims.of("kit.yaml", "name: kit")), HONEST, "give kit.yaml with --claims"),
        (replace(report, results=()), HONEST, "no case of this suite that judged"),
        (report, "command:/absent/program", "the cases cannot run here: .*absent"),
    ):
        with pytest.raises(CannotRepeat, match=reason):
            rerun(changed, suite, Repeat(1, 0, initializer))
