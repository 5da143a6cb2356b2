"""Download single files of Go modules instead of whole modules: a KServe release has 60 MB, its entrypoint 2 kB."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from remotezip import RemoteZip, RemoteZipError  # type: ignore[import-untyped]

from clusters.toolchain.cache import StepFailed, once, run
from clusters.toolchain.go import go

_TIMEOUT_S = 30


def module_files(module: str, version: str, paths: Sequence[str]) -> Path:
    """A folder with the named files of `module` at `version` (with its `v`), under their paths in the module.

    A path that ends in `/` stands for every file below it. Only those are transferred, by HTTP range requests to the
    first module proxy that has the module. Raises ToolFailed.
    """
    chosen = sorted(paths)

    def build(folder: Path) -> None:
        proxies = _proxies()
        if not proxies:
            raise StepFailed("GOPROXY names no module proxy", "")
        failures = []
        for proxy in proxies:
            try:
                _fetch(f"{proxy}/{_escaped(module)}/@v/{_escaped(version)}.zip", f"{module}@{version}/", chosen, folder)
            except (RemoteZipError, OSError, zipfile.BadZipFile) as failure:
                failures.append(f"{proxy}: {failure}")
            else:
                return
        raise StepFailed(failures[0], "\n".join(failures))

    what = f"{len(paths)} {'entry' if len(paths) == 1 else 'entries'} of {module}@{version}"
    return once(f"modules/{module}@{version}", build, what, "check the network and GOPROXY")


def _fetch(url: str, prefix: str, paths: Sequence[str], folder: Path) -> None:
    with RemoteZip(url, timeout=_TIMEOUT_S) as module:
        names = module.namelist()
        for path in paths:
            wanted = [n for n in names if n == prefix + path or (path.endswith("/") and n.startswith(prefix + path))]
            if not wanted:
                raise StepFailed(f"{prefix} has no {path}", "")
            for name in wanted:
                target = folder / name.removeprefix(prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(module.read(name))


def _proxies() -> list[str]:
    """The module proxies that Go would ask, in order."""
    configured = os.environ.get("GOPROXY") or run([go(), "env", "GOPROXY"])
    return [p.strip().rstrip("/") for p in re.split(r"[,|]", configured) if p.strip().startswith("http")]


def _escaped(path: str) -> str:
    """Proxies spell a capital letter as `!` and its small form (Go modules reference, "Module proxy protocol")."""
    return re.sub(r"[A-Z]", lambda letter: "!" + letter[0].lower(), path)
