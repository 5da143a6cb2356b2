"""Shared code of the commands in tests/: the choice of mutants, the number of processes, and output."""

from __future__ import annotations

import argparse
import sys

from conformance.harness.schedule import processes


def add_choice(parser: argparse.ArgumentParser, page: str) -> None:
    """Add the options that choose among mutants, and `--write` for the page with what they showed."""
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this mutant, or mutants like flat*"
    )
    parser.add_argument("--rule", action="append", default=[], metavar="ID", help="only this rule, or rules like ERR-*")
    parser.add_argument("--list", action="store_true", help="list the chosen mutants, and run nothing")
    parser.add_argument("--write", action="store_true", help=f"bring {page} up to date")


def add_processes(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """Add the option `-n N` to the parser; by default as many processes as compute side by side."""
    parser.add_argument(
        "-n",
        "--numprocesses",
        type=int,
        default=processes() if default is None else default,
        metavar="N",
        help="processes side by side (default: %(default)s)",
    )


def say(line: str) -> None:
    """Print a line to standard error and flush it."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command's words
