"""A checkout of KServe's repository: its storage package and entrypoint, installed as its image would have them."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import uv

from clusters.toolchain.cache import StepFailed, once, run
from clusters.toolchain.venv import virtual_environment
from scenarios.initializers.base import NoInitializer
from scenarios.initializers.image_python import chosen_python, python_of_dockerfile
from scenarios.initializers.releases import ENTRYPOINT, Installed, newest, with_hdfs_client

#: Folder of the repository -> the import name of the package in it, and the extra that the image installs. The first
#: folder that exists has the storage code: `python/storage` since 0.16.
_PACKAGES = {"python/storage": ("kserve_storage", ""), "python/kserve": ("kserve", "storage")}
_DOCKERFILE = "python/storage-initializer.Dockerfile"
#: Entries of a package's folder that are no part of the package.
_LEFT_OUT = {"build", "dist", "docs", "test", "tests", "venv"}
_PINS = "pins.txt"
_GIT_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class _Commit:
    """What git knows about a checkout. `why` is the reason why it knows no commit; else "".

    dirty  whether the files of the initializer differ from the commit.
    """

    name: str = ""
    dirty: bool = False
    why: str = ""


class Checkout:
    """The checkout at `given`, which may be a relative path. Raises NoInitializer."""

    def __init__(self, given: str) -> None:
        self.root = Path(given).expanduser().absolute()
        if not self.root.is_dir():
            raise NoInitializer(f"kserve:{given} is no folder; the current directory is {Path.cwd()}")
        if not (self.root / ENTRYPOINT).is_file():
            raise NoInitializer(
                f"kserve:{given} is no checkout of KServe: it has no {ENTRYPOINT}; give the root of the repository"
            )
        found = next((name for name in _PACKAGES if (self.root / name / "pyproject.toml").is_file()), None)
        if found is None:
            raise NoInitializer(
                f"kserve:{given} has no storage package: {' or '.join(_PACKAGES)} with a pyproject.toml; "
                "check out the whole folder python/"
            )
        self._given, self._folder = given, found
        self.code, self._extra = _PACKAGES[found]
        #: KServe's release whose rules and known failures hold.
        self.release = newest()

    @cached_property
    def version(self) -> str:
        """The version of the package, and after `+` the commit: `0.21.0+g1a2b3c4d5e6f`, or with `.dirty`."""
        local = f"g{self._commit.name[:12]}" if self._commit.name else "checkout"
        return f"{self._metadata['version']}+{local}{'.dirty' if self._commit.dirty else ''}"

    @property
    def python(self) -> str:
        """The minor release of Python in the image that the checkout's Dockerfile makes."""
        return python_of_dockerfile(self.root / _DOCKERFILE)

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for the report."""
        state = f", with uncommitted changes in {self._folder} or its entrypoint" if self._commit.dirty else ""
        commit = f"commit {self._commit.name}{state}" if self._commit.name else f"no commit ({self._commit.why})"
        locked = "are those of its uv.lock" if self._locked else "are the newest that its pyproject.toml allows"
        return (f"A checkout of KServe: {commit}.", f"Its dependencies {locked}.")

    def install(self) -> Installed:
        """Copy the package and the entrypoint to the cache and install the copy, once for each content.

        The checkout itself stays as it is. Raises ToolFailed.
        """
        package = self._package()
        copy = _copied(package, self._extra if self._locked else None)
        script = _copied({"initializer-entrypoint": (self.root / ENTRYPOINT).read_bytes()})
        extra = f"[{self._extra}]" if self._extra else ""
        own = [f"{self._metadata['name']}{extra} @ {(copy / 'package').as_uri()}", *_pins(copy)]
        python, repair = chosen_python(self.python), f"repair {self._folder} or {ENTRYPOINT}"
        key, remedy = f"kserve-checkout-{_digest(package)}", f"{repair}, or check the package index that uv uses"

        def install(more: Sequence[str]) -> Path:
            return virtual_environment(key, [*own, *more], python=python, remedy=remedy)

        environment, lacks = with_hdfs_client(install)
        return Installed(environment, script / "initializer-entrypoint", lacks, repair)

    @property
    def _locked(self) -> bool:
        return (self.root / self._folder / "uv.lock").is_file()

    @cached_property
    def _metadata(self) -> Mapping[str, Any]:
        """The name and the version of the package. Raises NoInitializer."""
        path = self.root / self._folder / "pyproject.toml"
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NoInitializer(f"kserve:{self._given}: {path} cannot be read: {error}") from error
        found = data.get("project") or data.get("tool", {}).get("poetry", {})
        if not found.get("name") or not found.get("version"):
            raise NoInitializer(f"kserve:{self._given}: {path} names no name or no version of the package; add it")
        return found  # type: ignore[no-any-return]

    @cached_property
    def _commit(self) -> _Commit:
        if not (self.root / ".git").exists():
            return _Commit(why="the folder has no .git")
        try:
            commit = self._git("rev-parse", "--verify", "HEAD")
            changed = self._git("status", "--porcelain", "--", self._folder, ENTRYPOINT)
        except (StepFailed, OSError) as failure:
            return _Commit(why=f"git: {failure}")
        return _Commit(commit, bool(changed))

    def _git(self, *arguments: str) -> str:
        # Both paths, because git would otherwise look for a repository around the checkout.
        place = [f"--git-dir={self.root / '.git'}", f"--work-tree={self.root}"]
        return run(["git", *place, "--no-optional-locks", *arguments], cwd=self.root, timeout_s=_GIT_TIMEOUT_S).strip()

    def _package(self) -> dict[str, bytes]:
        """Return the files of the package: path in the copy -> content."""
        folder = self.root / self._folder
        files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        kept = {place: path for place, path in files.items() if not _is_left_out(place)}
        return {f"package/{place}": path.read_bytes() for place, path in kept.items()}


def _is_left_out(place: Path) -> bool:
    first = place.parts[0]
    hidden = any(part.startswith(".") or part == "__pycache__" for part in place.parts)
    return hidden or first in _LEFT_OUT or first.endswith(".egg-info")


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(contents.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _copied(contents: Mapping[str, bytes], locked: str | None = None) -> Path:
    """Return a folder of the cache with `contents`.

    locked  the extra whose locked packages go to the file of pins; "" for none, None without uv.lock.
    """

    def build(folder: Path) -> None:
        for path, content in contents.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if locked is not None:
            export = [uv.find_uv_bin(), "export", "--quiet", "--frozen", "--no-dev", "--no-hashes", "--no-annotate"]
            export += ["--no-emit-project", "--no-header", "--directory", str(folder / "package")]
            export += ["--extra", locked] if locked else []
            (folder / _PINS).write_text(run(export), encoding="utf-8")

    return once(
        f"checkouts/{_digest(contents)}", build, "a copy of KServe's checkout", "repair its uv.lock with `uv lock`"
    )


def _pins(copy: Path) -> list[str]:
    """Return the requirements of uv.lock, such as `boto3==1.42.0 ; python_full_version >= '3.10'`."""
    path = copy / _PINS
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
