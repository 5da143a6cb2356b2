"""What the commands in tests/ have in common: how many processes, and their words."""

from __future__ import annotations

import argparse
import sys

from conformance.harness.schedule import processes


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Declare `-n N`."""
    parser.add_argument(
        "-n",
        "--numprocesses",
        type=int,
        default=processes(),
        metavar="N",
        help="processes side by side (default: %(default)s)",
    )


def say(line: str) -> None:
    """A line on standard error, at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command's words
