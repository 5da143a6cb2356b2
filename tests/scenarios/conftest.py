"""Fixtures for tests of calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, ORDINARY, Call, CallResult
from tests.isolations import Shell, anyhow


@pytest.fixture(params=anyhow.args[1])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Runs a shell script as an initializer; `$1` is the source, `$2` the destination."""

    def run(script: str, *, source: str = "x://y", dest: str = DEST, **call: Any) -> CallResult:  # noqa: ANN401
        conditions = replace(call.pop("conditions", ORDINARY), disk=64 << 20)
        made = Call(call.pop("pairs", [(source, dest)]), tmp_path, conditions=conditions, **call)
        return sandbox.run(["/bin/sh", "-c", script, "sh"], [], made, request.param)

    return run
