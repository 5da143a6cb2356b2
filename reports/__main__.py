"""`python -m reports`: work with conformance reports."""

from __future__ import annotations

import argparse
import os
import sys

from reports import publishing, reader, rerun, signature, writer
from reports.commands import COMMANDS

TROUBLE = (
    reader.UnreadableReport,
    reader.CorruptReport,
    writer.ReportUnwritable,
    signature.Unsigned,
    rerun.CannotRepeat,
    publishing.NotPublishable,
)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    0  the command succeeded and the report holds no bad news
    1  the report holds bad news
    2  a file or an argument cannot be used
    3  only another version of the suite can verify the report
    """
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except TROUBLE as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1 if isinstance(trouble, reader.CorruptReport) else 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        description="Work with the reports that `pytest conformance/` leaves.",
        epilog="Exit status: 0 good, 1 a report is corrupt or cut off, or something broke,"
        " 2 a file or argument cannot be used, 3 only another version of the suite can verify the report.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        its_own = commands.add_parser(name, help=command.HELP, description=command.DESCRIPTION)
        command.add(its_own)
        its_own.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
