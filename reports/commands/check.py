"""`python -m reports check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import reader

HELP = "check that a report is complete, unedited, and has the right verdicts"
DESCRIPTION = "Check REPORT.json by its schema, its footer, and the verdicts that follow from its results."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)


def run(arguments: argparse.Namespace) -> int:
    """Print the verdicts and the digest. Raises UnreadableReport or CorruptReport."""
    report = reader.check(arguments.report)
    sys.stdout.writelines(f"{profile.name}: {profile.verdict}\n" for profile in report.profiles)
    sys.stdout.write(f"{arguments.report} is whole: {len(report.results)} results, {report.footer.digest}\n")
    return 0
