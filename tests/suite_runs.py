"""Run the suite on small initializers in a process of its own, as a user does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

SUITE = Path(__file__).parents[1] / "conformance"
INITIALIZERS = Path(__file__).parent / "initializers"
HONEST = f"command:{sys.executable} {INITIALIZERS / 'honest.py'}"
LOCAL = ("--store", "local,pvc")


def broken(name: str) -> str:
    """The initializer of tests/initializers/broken.py that breaks what its name says."""
    return f"command:{sys.executable} {INITIALIZERS / 'broken.py'} {name}"


class Finished:
    """A run of `pytest conformance/` that has ended."""

    def __init__(self, process: subprocess.CompletedProcess[str], reports: Path) -> None:
        self.code = process.returncode
        self.text = process.stdout + process.stderr
        self.reports = reports

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.reports / "report.json").read_text()))

    def outcomes(self, rule: str) -> set[str]:
        """The outcomes of all results of a rule."""
        return {result["outcome"] for result in self.report["results"] if result["rule"] == rule}

    def verdicts(self) -> dict[str, str]:
        return {profile["name"]: profile["verdict"] for profile in self.report["profiles"]}


def command_of(folder: Path, *options: str) -> list[str]:
    """Return the command line of a run with its report below `folder`."""
    base = [sys.executable, "-m", "pytest", str(SUITE), "-p", "no:cacheprovider", f"--report-dir={folder / 'reports'}"]
    return [*base, *options]


def run(folder: Path, *options: str, timeout_s: float = 300) -> Finished:
    """Run the suite in a process of its own, as a user does."""
    process = subprocess.run(
        command_of(folder, *options), cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    return Finished(process, folder / "reports")


def heed_interrupts() -> None:
    """A shell that started the tests in the background has had them ignore SIGINT, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
