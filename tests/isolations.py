"""Parameters for tests of isolation: each tool that works on this machine, and none."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from scenarios.initializers.base import CallResult, Isolation
from scenarios.initializers.isolation import flaw
from scenarios.initializers.start import TOOLS

#: The fixture `shell`: runs a shell script as an initializer.
Shell = Callable[..., CallResult]

_FLAWS = {name: flaw(name) for name in TOOLS}
_MARKS = {name: pytest.mark.skipif(bool(text), reason=f"{name}: {text}") for name, text in _FLAWS.items()}
_PARAMS = [pytest.param(name, marks=mark) for name, mark in _MARKS.items()]

#: Mark for a test that needs bubblewrap.
bubblewrap = _MARKS["bubblewrap"]
#: Mark that runs a test in every sandbox, with the argument `isolation`.
in_a_sandbox = pytest.mark.parametrize("isolation", _PARAMS)
#: The same, and also without a sandbox.
anyhow = pytest.mark.parametrize("isolation", [*_PARAMS, "none"])
#: The isolations that work on this machine, the best first, with "none".
WORKING: list[Isolation] = [name for name in get_args(Isolation) if not _FLAWS.get(name)]
