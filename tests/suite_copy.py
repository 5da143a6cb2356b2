"""Copy the suite's code to another folder, for tests that change it, and run the copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).parents[1]
PACKAGES = ("conformance", "scenarios", "clusters", "reports")


def copy_suite(folder: Path) -> Path:
    """Copy the packages and pytest's configuration to `folder`, and return it."""
    for package in PACKAGES:
        shutil.copytree(HOUSE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", folder)
    return folder


def add_line(file: Path, line: str, after: str) -> None:
    """Insert `line` below the first line that begins with `after`, with the same indentation."""
    lines = file.read_text().splitlines()
    at = next(number for number, one in enumerate(lines) if one.lstrip().startswith(after))
    depth = len(lines[at]) - len(lines[at].lstrip())
    lines.insert(at + 1, " " * depth + line)
    file.write_text("\n".join(lines) + "\n")


def run_copy(suite: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `pytest conformance/` of the copy in a new process."""
    # Python imports from the working directory before the installed suite.
    command = [sys.executable, "-m", "pytest", "conformance/", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=suite, capture_output=True, text=True, timeout=400, check=False)
