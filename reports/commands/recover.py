"""`python -m reports recover`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import writer

HELP = "make a report from the journal of a killed run"
DESCRIPTION = "Make a report, marked as cut off, from the journal that a killed run left in DIR."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="the --report-dir of that run")


def run(arguments: argparse.Namespace) -> int:
    """Write the report and print its path. Raises UnreadableReport, CorruptReport or ReportUnwritable."""
    report = writer.write(writer.recover(arguments.directory), arguments.directory)
    sys.stdout.write(
        f"{arguments.directory / writer.REPORT}: {len(report.results)} results of a run that was cut off\n"
    )
    return 0
