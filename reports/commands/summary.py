"""`python -m reports summary`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import reader, writer
from reports.summary import summary

HELP = "print the closing lines of the run again"
DESCRIPTION = "Print the lines with which the run of REPORT.json closed."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)
    parser.add_argument("--width", metavar="COLUMNS", type=int, default=100, help="default: 100")


def run(arguments: argparse.Namespace) -> int:
    """Print the lines. Raises UnreadableReport or CorruptReport."""
    report = reader.load(arguments.report)
    lines = summary(report, path=arguments.report.parent / writer.PAGE, colour=False, width=arguments.width)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0
