"""`python -m reports verify`."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from reports.rerun import Repeat
from reports.verification.verify import Given, conclusion, exit_status, verify

HELP = "verify a report from somebody else: digests, completeness, verdicts, signature, a repeated sample"
DESCRIPTION = (
    "Verify REPORT.json, offline: by itself, against the rules, cases and files of this suite, and by the signature"
    " beside it. Each line is one check; a check that is `open` lacks something, and one that"
    " is `other` needs the version of the suite that wrote the report. An unsigned report proves only that it"
    " is consistent, a signed one also who made it. Only a repeated run proves the result."
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("report", metavar="REPORT.json", type=Path)
    parser.add_argument("--key", metavar="PUB.pem", type=Path, help="the public key of whoever signed the report")
    parser.add_argument("--claims", metavar="FILE", type=_file, help="the claims that the report should be about")
    parser.add_argument(
        "--known-failures", metavar="FILE", type=_file, help="the list of the run, if it is not the suite's own"
    )
    parser.add_argument(
        "--rerun", metavar="N", type=_number, help="repeat N cases, chosen at random, and compare their outcomes"
    )
    parser.add_argument("--seed", metavar="N", type=int, help="of the random choice; default: another one each time")
    parser.add_argument(
        "--initializer",
        metavar="SPEC",
        default="",
        help="the program for --rerun; default: that of --claims, or that of the report if it is kserve:VERSION",
    )
    parser.add_argument(
        "options", metavar="OPTION", nargs="*", help="after `--`: more options of the run for --rerun, such as --show"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print each check and the conclusion. Raises UnreadableReport, Unsigned or CannotRepeat."""
    seed = secrets.randbelow(1 << 32) if arguments.seed is None else arguments.seed
    options = (seed, arguments.initializer, arguments.claims, tuple(arguments.options))
    repeat = Repeat(arguments.rerun, *options) if arguments.rerun else None
    found = verify(arguments.report, Given(arguments.key, arguments.claims, arguments.known_failures, repeat))
    sys.stdout.writelines(f"{checked}\n" for checked in found)
    sys.stdout.writelines(f"{line}\n" for line in ("", *conclusion(found)))
    return exit_status(found)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a number of cases, 1 or more")
    return int(text)


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return Path(text)
