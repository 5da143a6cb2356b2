"""Whole runs of the suite on small initializers: outcomes, verdicts and exit codes."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.suite_runs import HONEST, LOCAL, SUITE, Finished, broken, command_of, run


def test_an_initializer_that_keeps_the_rules_is_conformant_where_it_ran(tmp_path: Path) -> None:
    """Everything about local paths passes; what was not selected keeps the other profiles out, not green."""
    done = run(tmp_path, "--initializer", HONEST, "--profile", "download/local,download/pvc", "-n", "2")
    assert done.code == 0, done.text
    assert done.verdicts() == {"download/local": "conformant", "download/pvc": "conformant"}
    assert "PARTIAL RUN" not in done.text
    assert "Selected: --profile download/local,download/pvc. Other stores" in done.text
    assert "NOTHING NEEDS ATTENTION" in done.text
    assert done.report["footer"]["complete"]
    assert (done.reports / "junit.xml").exists()
    assert (done.reports / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("flatten", "PLACE-001"),
        ("packed", "ARCH-001"),
        ("unsafe", "ARCH-006"),
        ("silent", "ERR-001"),
        ("mute", "ERR-001"),
        ("private", "CONTRACT-008"),
        ("litter", "CONTRACT-009"),
    ],
)
def test_a_broken_initializer_is_found_out(tmp_path: Path, name: str, rule: str) -> None:
    """One for each area: the rule that it breaks fails, by the initializer's fault, and the run with it."""
    done = run(tmp_path, "--initializer", broken(name), "--store", "local", "--rule", rule)
    assert done.code == 1, done.text
    assert "failed" in done.outcomes(rule)
    assert "error" not in done.outcomes(rule)
    assert rule in done.text


def test_a_credential_in_the_output_is_found_out_and_redacted(tmp_path: Path) -> None:
    """The rule fails, and the report itself does not repeat the credential."""
    done = run(tmp_path, "--initializer", broken("talkative"), "--store", "http", "--rule", "CRED-025")
    assert "failed" in done.outcomes("CRED-025"), done.text
    files = [path for path in done.reports.rglob("*") if path.is_file()]
    assert any("[redacted]" in path.read_text() for path in files)


def test_a_failure_reads_well(tmp_path: Path) -> None:
    """Rule and sentence, what differs, the call, its end, and the command for this case alone."""
    done = run(tmp_path, "--initializer", broken("flatten"), "--store", "local", "--rule", "PLACE-001")
    for part in (
        "PLACE-001 MUST: A folder arrives as its tree",
        "missing     'weights/part-0.bin'",
        "unexpected  'part-0.bin'",
        "exit code 0",
        "run it alone: pytest 'conformance/download/test_placement.py::test_a_folder_arrives_as_its_tree[local]'",
    ):
        assert part in done.text


def test_the_command_of_a_failure_runs_that_case(tmp_path: Path) -> None:
    """One case, named by its node id: never a verdict other than nonconformant or incomplete."""
    case = f"{SUITE}/download/test_placement.py::test_a_folder_arrives_as_its_tree[local]"
    command = [case if part == str(SUITE) else part for part in command_of(tmp_path, "--initializer", HONEST)]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    done = Finished(process, tmp_path / "reports")
    assert done.code == 0, done.text
    assert len(done.report["results"]) == 1
    assert done.verdicts() == {"download/local": "incomplete"}
    assert done.report["selection"]["pytest"] == [f"'{case}'"]
    assert "PARTIAL RUN:" in done.text


def test_a_known_failure_does_not_fail_the_run(tmp_path: Path) -> None:
    """It is listed with its reason; the profile says so."""
    known = _known(tmp_path, "broken")
    done = run(
        tmp_path, "--initializer", broken("private"), "--store", "local", "--rule", "CONTRACT-008",
        "--known-failures", str(known),
    )  # fmt: skip
    assert done.code == 0, done.text
    assert done.outcomes("CONTRACT-008") == {"known-failure"}


def test_a_stale_entry_fails_the_run(tmp_path: Path) -> None:
    """A listed failure that passed: the list is not true any more."""
    known = _known(tmp_path, "acme")
    done = run(
        tmp_path, "--initializer", HONEST, "--initializer-name", "acme", "--store", "local", "--rule", "CONTRACT-008",
        "--known-failures", str(known),
    )  # fmt: skip
    assert done.code == 1
    assert done.outcomes("CONTRACT-008") == {"fixed"}


def _known(folder: Path, program: str) -> Path:
    path = folder / "known.yaml"
    entry = {"rule": "CONTRACT-008", "stores": ["local"], "reason": "it is broken on purpose"}
    entry |= {"reference": "https://issues.example/1", "expires": str(datetime.now(UTC).date() + timedelta(days=9))}
    path.write_text(yaml.safe_dump({"initializer": program, "entries": [entry]}))
    return path


def test_a_smoke_run_is_no_verdict(tmp_path: Path) -> None:
    """It names what a whole run adds: every case that is in force, but those that it ran."""
    done = run(tmp_path, "--initializer", HONEST, *LOCAL, "--smoke", "-n", "2")
    assert done.code == 0, done.text
    assert set(done.verdicts().values()) == {"incomplete"}
    every = run(tmp_path, "--initializer", HONEST, "--collect-only", "-q")
    counted = re.search(r"^(\d+)(?:/\d+)? tests collected", every.text, re.M)
    assert counted, every.text
    more = int(counted[1]) - len(done.report["results"])
    assert f"PARTIAL RUN: --store local,pvc --smoke. A whole run adds {more} cases of " in " ".join(done.text.split())


def test_what_pytest_leaves_out_makes_a_run_partial(tmp_path: Path) -> None:
    """The report names the option; the store's profile has no verdict, and the option is the remedy."""
    options = ("--initializer", HONEST, "--store", "local", "--rule", "PLACE-*", "-k", "folder and not empty")
    done = run(tmp_path, *options)
    assert done.report["selection"]["pytest"] == ["-k 'folder and not empty'"]
    assert set(done.verdicts().values()) == {"incomplete"}
    assert "run without --rule PLACE-* -k 'folder and not empty'" in " ".join(done.text.split())


def test_doing_nothing_is_found_out_fast(tmp_path: Path) -> None:
    """`/bin/true` fails everything that asks for a file: no call waits for its limit, and little is computed."""
    done = run(tmp_path, "--initializer", "command:/bin/true", *LOCAL, "-n", "2")
    assert done.code == 1
    assert set(done.verdicts().values()) == {"nonconformant"}
    assert "ended: exit" in done.text
    assert "ended: timeout" not in done.text
    assert done.report["metrics"]["cpu_s"] < 60
