"""`python -m reports compare`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import reader
from reports.compare import Change, compare, render

HELP = "show what changed between two reports: broken, fixed, new and missing cases"
DESCRIPTION = "Show, rule by rule, what changed from OLD to NEW. Exit status 1 when something broke or NEW was cut off."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("old", metavar="OLD", type=Path, help="report.json of the earlier run")
    parser.add_argument("new", metavar="NEW", type=Path, help="report.json of the later run")


def run(arguments: argparse.Namespace) -> int:
    """Print the differences. Return 1 if a case broke or the new run was cut off.

    Raises UnreadableReport or CorruptReport.
    """
    old, new = reader.load(arguments.old), reader.load(arguments.new)
    differences = compare(old, new)
    sys.stdout.writelines(f"{line}\n" for line in render(old, new, differences))
    broke = any(difference.change is Change.BROKE for difference in differences)
    return 1 if broke or not new.footer.complete else 0
