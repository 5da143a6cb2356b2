"""The KServe releases whose initializer can run, and the local installation of their packages and entrypoint."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from packaging.version import Version

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.module_files import module_files
from clusters.toolchain.venv import virtual_environment
from scenarios.initializers.image_python import chosen_python, image_python

_MODULE = "github.com/kserve/kserve"
#: The script that the image starts, in KServe's repository.
ENTRYPOINT = "python/storage-initializer/scripts/initializer-entrypoint"
#: Packages for HDFS that the image adds (python/storage-initializer.Dockerfile).
_KERBEROS = ("krbcontext==0.10", "hdfs~=2.6.0", "requests-kerberos==0.14.0")
#: `python -m venv` installs this, in the images too. Releases before 0.16 need it for ray.
_SEEDED = ("setuptools",)
_KERBEROS_REMEDY = "apt-get install gcc libkrb5-dev"


@dataclass(frozen=True)
class Installed:
    """The code of a release or of a checkout on this machine.

    environment  a virtual environment with its packages.
    entrypoint   the script that the image starts.
    lacks        store -> why this installation does not support it.
    repair       what to do if it does not start; "" for a release, which can only be installed anew.
    """

    environment: Path
    entrypoint: Path
    lacks: Mapping[str, str] = field(default_factory=dict)
    repair: str = ""


@dataclass(frozen=True)
class Release:
    """A row of releases.yaml."""

    version: str
    released: dt.date
    package: str
    entrypoint: str = ""

    @property
    def release(self) -> str:
        """KServe's release whose rules and known failures hold."""
        return self.version

    @property
    def python(self) -> str:
        """The minor release of Python in its image."""
        return image_python(self.version)

    @property
    def code(self) -> str:
        """The import name of its own code."""
        return self.package.partition("[")[0].replace("-", "_")

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for the report."""
        if not self.entrypoint:
            return ()
        return (f"The source of {self.version} has no entrypoint, so the suite uses that of {self.entrypoint}.",)

    @property
    def exclude_newer(self) -> str:
        """The first day whose packages the release cannot have used."""
        return (self.released + dt.timedelta(days=1)).isoformat()

    def install(self) -> Installed:
        """Install the packages and download the entrypoint, once per machine. Raises ToolFailed."""
        python = chosen_python(self.python)
        environment, lacks = with_hdfs_client(lambda more: self._environment(more, python))
        source = self.entrypoint or self.version
        return Installed(environment, module_files(_MODULE, f"v{source}", [ENTRYPOINT]) / ENTRYPOINT, lacks)

    def _environment(self, more: Sequence[str], python: Path | str) -> Path:
        requirements = [f"{self.package}=={self.version}", *more]
        return virtual_environment(f"kserve-{self.version}", requirements, self.exclude_newer, python)


def with_hdfs_client(install: Callable[[Sequence[str]], Path]) -> tuple[Path, Mapping[str, str]]:
    """Return an environment with the packages that the image adds to KServe's own, and `Installed.lacks`.

    `install` gets these packages. Where the HDFS client cannot be compiled, it is left out. Raises ToolFailed.
    """
    try:
        if not (shutil.which("krb5-config") and (shutil.which("gcc") or shutil.which("cc"))):
            raise ToolFailed("gcc or krb5-config was not found")
        return install([*_SEEDED, *_KERBEROS]), {}
    except ToolFailed as reason:
        lacks = {"webhdfs": f"The HDFS client needs `{_KERBEROS_REMEDY}` first: {reason}"}
        return install(_SEEDED), lacks


@cache
def releases() -> dict[str, Release]:
    """Version -> release, oldest version first."""
    rows = yaml.load(Path(__file__).with_name("releases.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    known = [Release(**row) for row in rows]
    return {release.version: release for release in sorted(known, key=lambda release: Version(release.version))}


def known_releases() -> list[str]:
    """The versions that `kserve:VERSION` accepts, oldest first."""
    return list(releases())


def newest() -> str:
    """The highest known version."""
    return known_releases()[-1]
