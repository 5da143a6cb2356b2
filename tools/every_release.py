"""`python -m tools.every_release` runs the suite on every release of KServe, and puts the reports into one table.

It keeps the report of a release whose run would have the same inputs: the suite's files, the release, and the options.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reports import reader, writer
from reports.__main__ import main as reports
from reports.installed import build
from scenarios.initializers import known_releases

SUITE = Path(__file__).parents[1] / "conformance"
#: The file beside a report that keeps the inputs of its run.
INPUTS = "inputs.json"
USAGE = 2
#: A run with one of these statuses leaves a whole report.
_WHOLE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write the table, and return 0 if every run passed, 1 if one had unexpected outcomes, or a run's own status.

    A run that ends in another way, such as by Ctrl-C, ends the command. The next call begins with its release.
    """
    asked = _parser().parse_args(arguments)
    if unknown := [release for release in asked.release if release not in known_releases()]:
        sys.stderr.write(f"--release {unknown[0]}: unknown release; use one of {', '.join(known_releases())}\n")
        return USAGE
    worst, suite, releases = 0, build(), asked.release or known_releases()
    for release in releases:
        folder = asked.output / release
        inputs = {"suite": suite, "release": release, "options": asked.options}
        status = _kept(folder, inputs)
        if status is None:
            status = _run(folder, release, asked.options)
            if status not in _WHOLE:
                return status
            (folder / INPUTS).write_text(json.dumps({**inputs, "status": status}), encoding="utf-8")
        else:
            sys.stdout.write(f"KServe {release}: {folder} has the report of the same suite and options\n")
        worst = max(worst, status)
    reports(["matrix", *(str(asked.output / release / writer.REPORT) for release in releases), "-o", str(asked.output)])
    return worst


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.every_release",
        description="Run the suite on every release of KServe, and put the reports into one table of rules by releases."
        " A release whose run would have the same inputs as before does not run again.",
        epilog="Exit status: 0 every run passed, 1 a run had unexpected outcomes, 2 a bad argument; or the status of a"
        " run that did not end.",
    )
    parser.add_argument(
        "--release", metavar="VERSION", action="append", default=[], help="only this release; can be repeated"
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("conformance-report/releases"),
        help="the folder of the table, with a folder for each release (default: %(default)s/)",
    )
    parser.add_argument("options", metavar="OPTION", nargs="*", help="options of each run, after --")
    return parser


def _kept(folder: Path, inputs: dict[str, Any]) -> int | None:
    """Return the status of the run in `folder` if it had these inputs and its report is whole. None if not."""
    try:
        kept = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
        reader.load(folder / writer.REPORT)
        status = kept.pop("status")
    except (OSError, ValueError, AttributeError, KeyError, reader.UnreadableReport, reader.CorruptReport):
        return None
    return int(status) if kept == inputs else None


def _run(folder: Path, release: str, options: Sequence[str]) -> int:
    (folder / INPUTS).unlink(missing_ok=True)
    given = [f"--initializer=kserve:{release}", f"--report-dir={folder}", *options]
    return subprocess.run([sys.executable, "-m", "pytest", str(SUITE), "-n", "auto", *given], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
