"""`python -m reports keygen`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import signature

HELP = "make a key pair for signing"
DESCRIPTION = "Write a new Ed25519 private key to PRIVATE.pem, and its public half beside it. Nothing is overwritten."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("private", metavar="PRIVATE.pem", type=Path)


def run(arguments: argparse.Namespace) -> int:
    """Write both files. Raises Unsigned."""
    public = signature.generate(arguments.private)
    sys.stdout.write(f"{arguments.private}: keep it secret\n{public}: give it to those who verify your reports\n")
    return 0
