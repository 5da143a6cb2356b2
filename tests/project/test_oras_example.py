"""examples/oras: a store of a scheme that the suite does not know, a real program for it, and its claims."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_binary
from reports import reader
from tests.suite_runs import run

HOUSE = Path(__file__).parents[2]
EXAMPLE = HOUSE / "examples" / "oras"
#: Rules on the tree, on errors, and on credentials. The list of known failures names none of them.
RULES = ("PLACE-001", "PLACE-013", "ERR-001", "CRED-001", "CRED-002", "CONTRACT-005")


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's claims, in a copy that finds `oras` where this machine has it."""
    try:
        tool = go_binary("oras.land/oras/cmd/oras", "v1.3.6", "oras")
    except ToolFailed as reason:
        pytest.skip(str(reason))
    folder = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "oras")
    file = folder / "conformance.yaml"
    file.write_text(file.read_text().replace("/opt/oras", str(tool.parent)))
    return file


def test_the_example(claims: Path, tmp_path: Path) -> None:
    """The rules pass on the new store, by the claims alone."""
    done = run(tmp_path, "--claims", str(claims), "--rule", ",".join(RULES), "-n", "2")
    assert done.code == 0, done.text
    report = reader.load(done.reports / "report.json")
    passed = {(rule, "oras", "passed") for rule in RULES}
    assert {(one.rule, one.store, one.outcome) for one in report.results} == passed
    assert ("oras", "real") in {(one.store, one.fidelity) for one in report.environment.servers}
    assert report.environment.plugins[0].stores == ("oras",)


def test_a_known_failure_of_the_example(claims: Path, tmp_path: Path) -> None:
    """The list of the claims holds for the store of a plugin."""
    done = run(tmp_path, "--claims", str(claims), "--rule", "FAULT-004", "-n", "2")
    assert done.code == 0, done.text
    report = reader.load(done.reports / "report.json")
    assert {str(one.outcome) for one in report.results} == {"known-failure"}


def test_a_mutant_on_the_store_of_a_plugin(tmp_path: Path) -> None:
    """The rule notices the reference's defect on the new store."""
    argv = [sys.executable, "-m", "tests.mutants.run", f"--plugin={EXAMPLE / 'oras_store.py'}", "--rule=PLACE-011"]
    argv += ["-n2", f"--report-dir={tmp_path}"]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the reference passed" in done.stderr
