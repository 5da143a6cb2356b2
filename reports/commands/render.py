"""`python -m reports render`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from reports import reader, writer

HELP = "make report.html and junit.xml from a report.json"
DESCRIPTION = "Make report.html and junit.xml from REPORT.json; nothing else is needed."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write to this folder; default: the folder of the report"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write both files and print their paths. Raises UnreadableReport, CorruptReport or ReportUnwritable."""
    home = arguments.report.parent
    target = arguments.output or home
    root = "" if target.resolve() == home.resolve() else os.path.relpath(home, target) + "/"
    writer.render(reader.load(arguments.report), target, root, option="-o")
    sys.stdout.write(f"{target / writer.PAGE}\n{target / writer.JUNIT}\n")
    return 0
