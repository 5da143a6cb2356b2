"""Fixtures for tests of calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, Call, CallResult
from tests.isolations import Shell, anyhow


@pytest.fixture(params=anyhow.args[1])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Runs a shell script as an initializer; `$1` is the source, `$2` the destination."""

    def run(script: str, *, source: str = "x://y", dest: str = DEST, disk: int = 64 << 20, **call: Any) -> CallResult:  # noqa: ANN401
        made = Call(call.pop("pairs", [(source, dest)]), tmp_path, **call)
        return sandbox.run(["/bin/sh", "-c", script, "sh"], [], made, request.param, disk=disk)

    return run
