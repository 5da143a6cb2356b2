"""Create virtual environments in the cache with uv."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import uv

from clusters.toolchain.cache import StepFailed, once, run


def virtual_environment(
    key: str,
    requirements: Sequence[str],
    exclude_newer: str | None = None,
    python: str | Path = "3.11",
    *,
    remedy: str = "check the package index that uv uses",
) -> Path:
    """A virtual environment with `requirements`, as of the day `exclude_newer` (YYYY-MM-DD, UTC).

    python  the path of an interpreter, or a minor release. Where this machine has no interpreter of that release, the
            running one is used.
    remedy  what to do if a requirement cannot be installed.

    Raises ToolFailed.
    """
    interpreter = str(python) if isinstance(python, Path) else _interpreter(python)
    chosen = sorted(requirements)

    def build(folder: Path) -> None:
        # --allow-existing: the folder is there already, and empty.
        run([uv.find_uv_bin(), "venv", "--quiet", "--no-project", "--allow-existing", "--python", interpreter, folder])
        # Initializers see it read-only, so without compiled files every call would compile all over again.
        install: list[str | Path] = [uv.find_uv_bin(), "pip", "install", "--quiet", "--compile-bytecode"]
        if exclude_newer:
            install += ["--exclude-newer", exclude_newer]
        run([*install, "--python", folder / "bin" / "python", "--", *chosen], _compiling_for(Path(interpreter)))

    if not isinstance(python, Path):
        remedy += f", or install Python {python} (`uv python install {python}`)"
    return once(f"venv/{key}", build, f"Python packages of {key}", remedy)


def version_of(environment: Path) -> str:
    """The Python version of a virtual environment, such as `3.11`."""
    return next((environment / "lib").glob("python3*")).name.removeprefix("python")


def release_of(environment: Path) -> str:
    """The Python release of a virtual environment, such as `3.11.7`."""
    said = dict(line.split(" = ", 1) for line in (environment / "pyvenv.cfg").read_text().splitlines())
    return said["version_info"]


def _compiling_for(interpreter: Path) -> Mapping[str, str]:
    """Variables with which packages are compiled for an interpreter that came without headers and names no compiler
    of this machine: the headers of the running one serve, if it is of the same minor release."""
    headers = Path(sysconfig.get_path("include"))
    own = interpreter.parents[1] / "include" / interpreter.name
    if (own / "Python.h").exists() or own.name != headers.name:
        return {}
    return {"CC": os.environ.get("CC", "cc"), "C_INCLUDE_PATH": str(headers)}


@cache
def _interpreter(python: str) -> str:
    if sys.version_info[:2] == tuple(map(int, python.split("."))):
        return os.path.realpath(sys.executable)
    try:
        found = run([uv.find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", python])
    except StepFailed:
        return os.path.realpath(sys.executable)
    return os.path.realpath(found.strip())
