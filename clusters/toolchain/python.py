"""Find or install a recent CPython of one minor release: from this machine, downloaded by uv, or from a Go module."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import uv
from packaging.version import Version

from clusters.toolchain.cache import StepFailed, ToolFailed, once, run
from clusters.toolchain.go import go

#: Timeout of a download of about 100 MB, in seconds.
_DOWNLOAD_S = 600.0
#: A Go module that contains the CPython of python-build-standalone (docs/decisions/0020-interpreter.md).
_MODULE = "github.com/kluctl/go-embed-python"
#: Minor release -> release, version of that module, and the module's checksum as in go.sum.
_PACKAGED = {
    "3.11": ("3.11.11", "v0.0.0-3.11.11-20241219-1", "h1:yVXFTxa6cvhLC6TwkDEHmNaiWlDyaFEGiXd1DQdoeOU="),
}
_PLATFORMS = {"x86_64": "linux-amd64", "aarch64": "linux-arm64"}
#: The bit of Go's `fs.FileMode` for a folder.
_GO_FOLDER = 1 << 31


@cache
def interpreter(minor: str, oldest: str) -> Path:
    """The executable of a CPython `minor` (such as `3.11`) that is release `oldest` or newer.

    The running interpreter is taken if it fits, then another one that uv finds on this machine. Otherwise the cache
    gets one: uv downloads it, or it comes out of a Go module. Raises ToolFailed.
    """
    running = Version(platform.python_version())
    if minor == f"{running.major}.{running.minor}" and running >= Version(oldest):
        return Path(os.path.realpath(sys.executable))
    major, _, number = minor.partition(".")
    request = f"cpython>={oldest},<{major}.{int(number) + 1}"
    find = [uv.find_uv_bin(), "python", "find", "--no-project", "--system", "--no-python-downloads", request]
    try:
        return Path(os.path.realpath(run(find).strip()))
    except StepFailed:
        return _fetched(minor, oldest, request)


def _fetched(minor: str, oldest: str, request: str) -> Path:
    release, version, checksum = _PACKAGED.get(minor, ("0", "", ""))
    packaged = _PLATFORMS.get(platform.machine()) if Version(release) >= Version(oldest) else None
    recipe = hashlib.sha256(repr((request, version, checksum)).encode()).hexdigest()[:10]

    def build(folder: Path) -> None:
        install = [uv.find_uv_bin(), "python", "install", "--no-progress", "--install-dir", str(folder), request]
        # Nothing is linked into the user's own `bin`, and a host that cannot be reached costs no more than one try.
        settings = {"UV_PYTHON_INSTALL_BIN": "0", "UV_HTTP_RETRIES": os.environ.get("UV_HTTP_RETRIES", "0")}
        try:
            run(install, settings, folder, timeout_s=_DOWNLOAD_S)
        except StepFailed as undownloaded:
            if packaged is None:
                raise
            try:
                _unpack(version, checksum, f"python/internal/data/{packaged}", folder / "python")
            except (StepFailed, ToolFailed) as unpacked:
                raise StepFailed(f"{undownloaded}; {unpacked}", undownloaded.output) from unpacked

    remedy = f"install it (`uv python install {minor}`)"
    folder = once(f"python/{minor}-{recipe}", build, f"Python {minor}, {oldest} or newer", remedy)
    return next(folder.glob(f"*/bin/python{minor}")).resolve()


def _unpack(version: str, checksum: str, path: str, target: Path) -> None:
    """Make the tree that the module's folder `path` describes in `files.json`; larger files lie there as NAME.gz."""
    with tempfile.TemporaryDirectory(dir=target.parent) as modules:
        settings = {"GOMODCACHE": modules, "GOFLAGS": "-modcacherw"}
        download: list[str | Path] = [go(), "mod", "download", "-json", f"{_MODULE}@{version}"]
        module: dict[str, Any] = json.loads(run(download, settings, target.parent, timeout_s=_DOWNLOAD_S))
        if module["Sum"] != checksum:
            raise StepFailed(f"{_MODULE}@{version} has the checksum {module['Sum']} instead of {checksum}", "")
        source = Path(module["Dir"], path)
        for entry in json.loads((source / "files.json").read_text(encoding="utf-8"))["files"]:
            place = target / entry["name"]
            place.parent.mkdir(parents=True, exist_ok=True)
            if "symlink" in entry:
                place.symlink_to(entry["symlink"])
            elif entry["perm"] & _GO_FOLDER:
                place.mkdir(exist_ok=True)
            elif entry.get("compressed"):
                place.write_bytes(gzip.decompress((source / f"{entry['name']}.gz").read_bytes()))
                place.chmod(entry["perm"])
            else:
                place.write_bytes((source / entry["name"]).read_bytes())
                place.chmod(entry["perm"])
