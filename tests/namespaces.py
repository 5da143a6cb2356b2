"""Run the suite in namespaces of its own, to make a machine that lacks something."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.suite_runs import Finished


def apart(namespaces: str, commands: list[str], folder: Path, *suite: str, **environment: str) -> Finished:
    """Run `suite` in new user namespaces, after the shell `commands`. Skips the test if the machine refuses them.

    namespaces  more options of unshare(1), such as `--mount`.
    """
    script = " && ".join([*commands, f"exec {shlex.join(suite)}"])
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *namespaces.split(), "sh", "-c", script],
        cwd=folder,
        # Coverage would write its data where nothing can be written.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.stderr.startswith("unshare:"):
        pytest.skip(done.stderr.strip())
    return Finished(done, folder / "reports")
