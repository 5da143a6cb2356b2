"""`python -m reports known-failures`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from reports import reader
from reports.draft import draft

HELP = "draft a list of known failures from the failed cases"
DESCRIPTION = (
    "Print a list for --known-failures: an entry for each rule and cause that failed in REPORT.json. Fill in every"
    " reason and reference; the suite refuses the list until then."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)


def run(arguments: argparse.Namespace) -> int:
    """Print the list. Raises UnreadableReport or CorruptReport."""
    sys.stdout.write(draft(reader.load(arguments.report), datetime.now(UTC).date()))
    return 0
