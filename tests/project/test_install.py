"""The suite installs with the pip that this Python brings."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest

from clusters.toolchain.cache import run

CHECKOUT = Path(__file__).parents[2]
#: Seconds; pip 23 takes a tenth of them on an idle machine, or ends without a solution.
LIMIT_S = 600.0


@pytest.mark.skipif(bool(os.environ.get("UV_OFFLINE")), reason="UV_OFFLINE: this machine has no package registries")
def test_pip_finds_the_packages_of_every_extra(tmp_path: Path) -> None:
    """Together, as a developer installs them. The pip of Python 3.11 gives up where newer ones and uv go on."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    everything = f"{CHECKOUT}[{','.join(project['optional-dependencies'])}]"
    run([sys.executable, "-m", "venv", tmp_path / "venv"])
    found = run([tmp_path / "venv/bin/pip", "install", "--dry-run", everything], timeout_s=LIMIT_S)
    chosen = found.splitlines()[-1]
    assert chosen.startswith("Would install ")
    assert f" {project['name']}-{project['version']}" in chosen
