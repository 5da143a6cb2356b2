"""The releases of KServe whose initializer can be run, and their code on this machine: packages and entrypoint."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from packaging.version import Version

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.module_files import module_files
from clusters.toolchain.venv import virtual_environment
from scenarios.initializers.image_python import chosen_python

_MODULE = "github.com/kserve/kserve"
_ENTRYPOINT = "python/storage-initializer/scripts/initializer-entrypoint"
#: What the image installs beside the package, for HDFS (python/storage-initializer.Dockerfile).
_KERBEROS = ("krbcontext==0.10", "hdfs~=2.6.0", "requests-kerberos==0.14.0")
#: In every environment that `python -m venv` makes, as in the images; ray, in the releases before 0.16, needs it.
_SEEDED = ("setuptools",)
_KERBEROS_REMEDY = "apt-get install gcc libkrb5-dev"


@dataclass(frozen=True)
class Installed:
    """A release's code on this machine.

    environment  a virtual environment with its packages.
    entrypoint   the script that the image starts.
    lacks        store -> why it cannot be served by what could be installed here.
    """

    environment: Path
    entrypoint: Path
    lacks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """A row of releases.yaml."""

    version: str
    released: dt.date
    package: str
    entrypoint: str = ""

    @property
    def exclude_newer(self) -> str:
        """The first day whose packages the release cannot have seen."""
        return (self.released + dt.timedelta(days=1)).isoformat()

    def install(self) -> Installed:
        """Install the packages and fetch the entrypoint, once a machine. Raises ToolFailed."""
        lacks = {}
        python = chosen_python(self.version)
        try:
            environment = self._with_kerberos(python)
        except ToolFailed as reason:
            environment = self._environment([], python)
            lacks = {"webhdfs": f"The HDFS client needs `{_KERBEROS_REMEDY}` first: {reason}"}
        source = self.entrypoint or self.version
        return Installed(environment, module_files(_MODULE, f"v{source}", [_ENTRYPOINT]) / _ENTRYPOINT, lacks)

    def _with_kerberos(self, python: Path | str) -> Path:
        if not (shutil.which("krb5-config") and (shutil.which("gcc") or shutil.which("cc"))):
            raise ToolFailed("gcc or krb5-config was not found")
        return self._environment(_KERBEROS, python)

    def _environment(self, more: Sequence[str], python: Path | str) -> Path:
        requirements = [f"{self.package}=={self.version}", *_SEEDED, *more]
        return virtual_environment(f"kserve-{self.version}", requirements, self.exclude_newer, python)


@cache
def releases() -> dict[str, Release]:
    """Version -> release, oldest version first."""
    rows = yaml.load(Path(__file__).with_name("releases.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    known = [Release(**row) for row in rows]
    return {release.version: release for release in sorted(known, key=lambda release: Version(release.version))}


def known_releases() -> list[str]:
    """The versions that `kserve:VERSION` takes, oldest first."""
    return list(releases())


def newest() -> str:
    """The highest version known."""
    return known_releases()[-1]
