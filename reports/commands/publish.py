"""`python -m reports publish`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import publishing

HELP = "prepare a folder of reports/published/ for a pull request"
DESCRIPTION = (
    "Write the folder SPEC/NAME-VERSION with REPORT.json, its signature if it has one, a badge, and a README with the"
    " commands that repeat the run. Then check it by the rules of reports/published/README.md."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)
    parser.add_argument("--source", metavar="URL", required=True, help="where everybody gets the program under test")
    parser.add_argument("--key", metavar="PUB.pem", type=Path, help="the public key of a signed report")
    parser.add_argument(
        "--known-failures", metavar="FILE", type=Path, help="the list of the run, if it is not the suite's own"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("reports/published"),
        help="the folder of all published reports; default: %(default)s",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the folder, and print its path. Raises NotPublishable, UnreadableReport or CorruptReport."""
    extras = publishing.Extras(arguments.source, arguments.key, arguments.known_failures)
    folder = publishing.publish(arguments.report, arguments.output, extras)
    found = publishing.problems_of(folder, arguments.output)
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.stdout.write(f"{folder}\n")
    return 1 if found else 0
