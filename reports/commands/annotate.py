"""`python -m reports annotate`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import github, reader

HELP = "show reports in a job of GitHub Actions: annotations, summary, outputs"
DESCRIPTION = (
    "Print a workflow command for each cause of a failure in the REPORT.json, as annotations of the job. Within the"
    " action, the files are $GITHUB_STEP_SUMMARY and $GITHUB_OUTPUT. Exit status 0, whatever the verdict is."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("reports", metavar="REPORT.json", type=Path, nargs="+")
    parser.add_argument("--summary", metavar="FILE", type=Path, help="append a summary in Markdown to this file")
    parser.add_argument("--outputs", metavar="FILE", type=Path, help="append `verdict` and `report` to this file")


def run(arguments: argparse.Namespace) -> int:
    """Print the annotations, and append to the files. Raises UnreadableReport or CorruptReport."""
    reports = [reader.load(path) for path in arguments.reports]
    sys.stdout.writelines(f"{line}\n" for line in github.annotated(reports))
    if arguments.summary:
        _append(arguments.summary, "\n".join(map(github.markdown, reports)))
    if arguments.outputs:
        _append(arguments.outputs, github.outputs(reports, arguments.reports))
    return 0


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
