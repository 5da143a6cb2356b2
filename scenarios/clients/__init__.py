"""Reference clients: the stores' own SDKs as a plain script uses them, to hold times against."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from scenarios.initializers.base import Initializer
from scenarios.initializers.command import Command
from scenarios.servers.base import require_packages

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Client:
    """The reference client of a store.

    script   the file of this folder whose `jobs` fetch a model.
    package  what it is made of.
    module   by which that package is imported.
    call     the call that fetches a file.
    """

    script: str
    package: str
    module: str
    call: str

    def program(self) -> Initializer:
        """The client, called as an initializer is. Raises Unavailable without its package."""
        require_packages(self.module)
        return Command(shlex.join([sys.executable, "-P", str(_FOLDER / "program.py"), str(_FOLDER / self.script)]))

    @property
    def description(self) -> str:
        """What it is, with its release."""
        return f"{self.package} {importlib.metadata.version(self.package)}, {self.call}"
