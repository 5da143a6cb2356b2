"""`python -m reports sign`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports import reader, signature

HELP = "sign a report with a private key"
DESCRIPTION = (
    "Write the signature of REPORT.json beside it: an in-toto Statement with the test-result predicate about the"
    " program under test, in a DSSE envelope. `python -m reports verify --key PUB.pem` verifies it."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)
    parser.add_argument(
        "--key", metavar="PRIVATE.pem", type=Path, required=True, help="an Ed25519 key, or an ECDSA key on P-256"
    )


def run(arguments: argparse.Namespace) -> int:
    """Sign, and print the path of the signature. Raises UnreadableReport, CorruptReport or Unsigned."""
    target, identity = signature.sign(reader.check(arguments.report), arguments.report, arguments.key)
    sys.stdout.write(f"{target}: signed with the key {identity}\n")
    return 0
