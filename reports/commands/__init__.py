"""The commands of `python -m reports`, a module for each."""

from __future__ import annotations

import argparse
from typing import Protocol

from reports.commands import (
    annotate,
    check,
    compare,
    keygen,
    known_failures,
    matrix,
    publish,
    recover,
    render,
    sign,
    summary,
    verify,
)


class Command(Protocol):
    """A module with a command.

    HELP         its line in `python -m reports --help`.
    DESCRIPTION  the first paragraph of its own `--help`.
    """

    HELP: str
    DESCRIPTION: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to its parser."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command and return its exit status. Raises what `reports.__main__.TROUBLE` lists."""


#: Name on the command line -> command, in the order of `--help`.
COMMANDS: dict[str, Command] = {
    "summary": summary,
    "compare": compare,
    "render": render,
    "check": check,
    "verify": verify,
    "sign": sign,
    "keygen": keygen,
    "publish": publish,
    "recover": recover,
    "matrix": matrix,
    "known-failures": known_failures,
    "annotate": annotate,
}
