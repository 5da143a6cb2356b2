"""KServe's own storage initializer: the published package of a release, run by that release's entrypoint."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from packaging.version import Version

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.module_files import module_files
from clusters.toolchain.venv import version_of, virtual_environment
from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, PVC, Call, Initializer, NoInitializer, Outcome
from scenarios.initializers.room import requisites

_MODULE = "github.com/kserve/kserve"
_ENTRYPOINT = "python/storage-initializer/scripts/initializer-entrypoint"
#: What the image installs beside the package, for HDFS (python/storage-initializer.Dockerfile).
_KERBEROS = ("krbcontext==0.10", "hdfs~=2.6.0", "requests-kerberos==0.14.0")
#: In every environment that `python -m venv` makes, as in the images; ray, in the releases before 0.16, needs it.
_SEEDED = ("setuptools",)
_KERBEROS_REMEDY = "apt-get install gcc libkrb5-dev"
_PYTHON = "3.11"
#: The image's Python was 3.9 before this release.
_SINCE_PYTHON = Version("0.14")


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


@cache
def releases() -> dict[str, Release]:
    """Version -> release, oldest version first."""
    rows = yaml.safe_load(Path(__file__).with_name("releases.yaml").read_text(encoding="utf-8"))
    known = [Release(**row) for row in rows]
    return {release.version: release for release in sorted(known, key=lambda release: Version(release.version))}


def known_releases() -> list[str]:
    """The versions that `kserve:VERSION` takes, oldest first."""
    return list(releases())


def newest() -> str:
    """The highest version known."""
    return known_releases()[-1]


class KServe(Initializer):
    """`kserve:VERSION`."""

    name = "kserve"
    route = "process"

    def __init__(self, version: str) -> None:
        if version not in releases():
            raise NoInitializer(f"kserve:{version} is not a known release; known are {', '.join(known_releases())}")
        self.spec = f"kserve:{version}"
        self.version = version
        self.digest = ""
        self._release = releases()[version]
        self._program: Sequence[str] = ()
        self._needs: Sequence[Path] = ()

    @property
    def isolation(self) -> str:
        """As this machine allows."""
        return sandbox.isolation()

    def prepare(self) -> None:
        """Install the package and fetch the entrypoint, once a machine; then load a local model."""
        source = self._release.entrypoint or self.version
        notes = []
        try:
            environment = self._install()
            entrypoint = module_files(_MODULE, f"v{source}", [_ENTRYPOINT]) / _ENTRYPOINT
        except ToolFailed as failure:
            raise NoInitializer(f"{self.spec}: {failure}") from failure
        if source != self.version:
            notes.append(f"The entrypoint is that of {source}: the source of {self.version} has none.")
        python = version_of(environment)
        intended = "3.9" if Version(self.version) < _SINCE_PYTHON else _PYTHON
        if python != intended:
            notes.append(f"It runs on Python {python}; the image of {self.version} has Python {intended}.")
        self.notes = (*notes, *self.lacks.values())
        self._program = (str(environment / "bin" / "python"), str(entrypoint))
        self._needs = (*requisites(environment / "bin" / "python"), entrypoint)
        self.digest = _digest(environment, self._release.package.partition("[")[0].replace("-", "_"), entrypoint)
        self._smoke()

    def call(self, call: Call) -> Outcome:
        """Run the entrypoint once."""
        return sandbox.run(self._program, self._needs, call)

    def _install(self) -> Path:
        """The virtual environment; `lacks` tells what could not be installed."""
        release = self._release
        requirements = [f"{release.package}=={release.version}", *_SEEDED]
        reason = "gcc or krb5-config was not found"
        if shutil.which("krb5-config") and (shutil.which("gcc") or shutil.which("cc")):
            try:
                return self._environment([*requirements, *_KERBEROS])
            except ToolFailed as failure:
                reason = str(failure)
        environment = self._environment(requirements)
        self.lacks = {"webhdfs": f"The HDFS client needs `{_KERBEROS_REMEDY}` first: {reason}"}
        return environment

    def _environment(self, requirements: Sequence[str]) -> Path:
        key = f"kserve-{self.version}"
        return virtual_environment(key, requirements, self._release.exclude_newer, _PYTHON)

    def _smoke(self) -> None:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            claim, workdir = Path(folder, "claim"), Path(folder, "call")
            claim.mkdir()
            workdir.mkdir()
            (claim / "model.bin").write_bytes(b"model")
            outcome = self.call(Call([(f"file://{PVC}", DEST)], workdir, mounts={PVC: claim}, timeout_s=120))
        loaded = outcome.trees[DEST].get("model.bin")
        if outcome.exit_code != 0 or loaded is None or loaded.content != b"model":
            said = (outcome.stderr or outcome.stdout).strip().splitlines()[-1:]
            raise NoInitializer(
                f"{self.spec} cannot load a local model: {outcome.ended}, exit code {outcome.exit_code}, "
                f"{said[0] if said else 'no output'}; remove {Path(self._program[0]).parents[1]} to install it anew"
            )


def _digest(environment: Path, package: str, entrypoint: Path) -> str:
    """sha256 over the package's own modules, by path, and the entrypoint."""
    digest = hashlib.sha256(entrypoint.read_bytes())
    (folder,) = environment.glob(f"lib/python3*/site-packages/{package}")
    for module in sorted(folder.rglob("*.py")):
        digest.update(str(module.relative_to(folder)).encode() + b"\0" + module.read_bytes())
    return f"sha256:{digest.hexdigest()}"
