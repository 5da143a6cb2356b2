"""`python -m tests.subjects`: whether the suite's verdicts on programs of other people are right.

Runs the suite on every program in examples/ and compares each outcome with `examples/NAME/expected.yaml`. The exit
status is 0 when all are as expected, 1 when one differs or a run broke, and 2 for a command line that cannot be.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from clusters.toolchain.cache import ToolFailed
from conformance.spec import current
from reports import reader
from tests.commands import add_processes, say
from tests.subjects.audit import Audit, AuditError, load
from tests.subjects.programs import EXAMPLES, PROGRAMS, command

AS_EXPECTED, DIFFERENT = 0, 1
#: What a run of the suite may end with that has a report: all kept, something broken, nothing judged.
_REPORTED = (0, 1, 5)
_SUITE = EXAMPLES.parent / "conformance"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; returns the exit status."""
    asked = _parser().parse_args(arguments)
    spec = current()
    wrong = 0
    for name in asked.names or PROGRAMS:
        began = time.monotonic()
        try:
            audit = load(EXAMPLES / name / "expected.yaml", spec)
            line = [f"--initializer=command:{command(name)}", f"--initializer-name={name}"]
            line += _selection(audit, quick=asked.quick)
            say(f"{name}: {len(audit.quick) if asked.quick else 'all'} rules of {', '.join(audit.claimed)}")
            count, lines = _judge(audit, line, asked.report_dir / name, asked.numprocesses, quick=asked.quick)
        except (AuditError, ToolFailed, _Broke) as error:
            count, lines = 0, [str(error)]
        for difference in lines:
            say(f"UNEXPECTED {name}: {difference}")
        wrong += len(lines)
        say(f"{name}: {count} cases, {len(lines)} unexpected, {time.monotonic() - began:.0f} s")
    return DIFFERENT if wrong else AS_EXPECTED


class _Broke(Exception):
    """A run of the suite ended without a report."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.subjects",
        description="Run the suite on the programs in examples/, and compare with what people found right.",
    )
    known = ", ".join(PROGRAMS)
    parser.add_argument("names", nargs="*", choices=[*PROGRAMS, []], metavar="NAME", help=f"one of: {known}")
    parser.add_argument("--quick", action="store_true", help="only the rules under `quick` in expected.yaml")
    add_processes(parser)
    parser.add_argument(
        "--report-dir",
        type=Path,
        default=Path("subjects-report"),
        metavar="DIR",
        help="where each program's conformance report and pytest.log go (default: %(default)s/)",
    )
    return parser


def _selection(audit: Audit, *, quick: bool) -> list[str]:
    rules = audit.quick if quick else []
    return [*(f"--profile={profile}" for profile in audit.claimed), *(f"--rule={rule}" for rule in rules)]


def _judge(audit: Audit, line: Sequence[str], folder: Path, numprocesses: int, *, quick: bool) -> tuple[int, list[str]]:
    """How many cases a run of the suite had, and what differs, a line each. Raises _Broke."""
    folder.mkdir(parents=True, exist_ok=True)
    report, log = folder / "report.json", folder / "pytest.log"
    options = ["-q", "-p", "no:cacheprovider", f"-n{numprocesses}", "--known-failures=none", f"--report-dir={folder}"]
    with log.open("w", encoding="utf-8") as output:
        argv = [sys.executable, "-m", "pytest", str(_SUITE), *options, *line]
        status = subprocess.run(argv, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if status not in _REPORTED:
        raise _Broke(f"the suite ended with status {status}: see {log}")
    try:
        results = reader.load(report).results
    except (reader.UnreadableReport, reader.CorruptReport) as error:
        raise _Broke(str(error)) from error
    return len(results), list(audit.differences(results, whole=not quick))


if __name__ == "__main__":
    sys.exit(main())
