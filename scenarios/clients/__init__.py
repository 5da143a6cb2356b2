"""Reference clients: plain scripts that use the stores' own SDKs, as a baseline for durations."""

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

    script   the file in this folder whose `jobs` download a model.
    package  the SDK's package.
    module   the SDK's import name.
    call     the SDK call that downloads a file.
    """

    script: str
    package: str
    module: str
    call: str

    def program(self) -> Initializer:
        """The client, callable like an initializer. Raises Unavailable if its package is not installed."""
        require_packages(self.module)
        return Command(shlex.join([sys.executable, "-P", str(_FOLDER / "program.py"), str(_FOLDER / self.script)]))

    @property
    def description(self) -> str:
        """The package with its release, and the call."""
        return f"{self.package} {importlib.metadata.version(self.package)}, {self.call}"
