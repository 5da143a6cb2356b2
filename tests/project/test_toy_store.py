"""What it takes to add a store: its module, its server's module, a line of the registry and a line of the spec."""

import json
import shutil
import sys
from pathlib import Path

from tests.suite_copy import HOUSE, add_line, copy_suite, run_copy

TOY = HOUSE / "tests" / "toy"
INITIALIZER = f"command:{sys.executable} {HOUSE / 'tests' / 'initializers' / 'toy.py'}"
RULES = ("PLACE-001", "PLACE-002", "PLACE-003", "PLACE-004", "ERR-001", "ERR-009", "ERR-010")


def test_a_store_is_two_modules_and_two_lines(tmp_path: Path) -> None:
    """With them the rules of its groups run on it, and judge an initializer that knows its scheme."""
    suite = copy_suite(tmp_path)
    shutil.copytree(TOY, suite / "scenarios", dirs_exist_ok=True)
    add_line(suite / "scenarios" / "stores" / "__init__.py", '"toy": "Toy",', after='"s3":')
    add_line(suite / "conformance" / "spec" / "spec.yaml", "toy: [paths, trees, files, remote]", after="local: [paths")
    done = run_copy(suite, "--initializer", INITIALIZER, "--store", "toy", "--rule", ",".join(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((suite / "conformance-report" / "report.json").read_text())
    assert {(one["rule"], one["store"], one["outcome"]) for one in report["results"]} == {
        (rule, "toy", "passed") for rule in RULES
    }
    assert [server["name"] for server in report["environment"]["servers"]] == ["toy-server"]
