"""`python -m reports matrix`."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from reports import reader, writer
from reports.matrix import Column, data, markdown, matrix, page

HELP = "put several reports into one table of rules by releases"
DESCRIPTION = (
    "Write matrix.html, matrix.md and matrix.json: a row for each rule, a column for each REPORT.json, in the order"
    " given. A cell links to the page beside its report."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("reports", metavar="REPORT.json", type=Path, nargs="+")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path(), help="default: the current folder")


def run(arguments: argparse.Namespace) -> int:
    """Write the three files and print their paths. Raises UnreadableReport or CorruptReport."""
    with ProcessPoolExecutor() as processes:
        reports = list(processes.map(reader.load, arguments.reports))
    pages = [path.parent / writer.PAGE for path in arguments.reports]
    links = [os.path.relpath(one, arguments.output) if one.exists() else "" for one in pages]
    table = matrix([Column(report, link) for report, link in zip(reports, links, strict=True)])
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, text in (("html", page(table)), ("md", markdown(table)), ("json", data(table))):
        file = arguments.output / f"matrix.{name}"
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file}\n")
    return 0
