"""Shared code of the commands in tests/: the number of processes, and output."""

from __future__ import annotations

import argparse
import sys

from conformance.harness.schedule import processes


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add the option `-n N` to the parser."""
    parser.add_argument(
        "-n",
        "--numprocesses",
        type=int,
        default=processes(),
        metavar="N",
        help="processes side by side (default: %(default)s)",
    )


def say(line: str) -> None:
    """Print a line to standard error and flush it."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command's words
