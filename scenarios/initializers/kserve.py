"""KServe's own storage initializer: the package of a release or of a checkout, started by its own entrypoint."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.venv import release_of
from scenarios.initializers import isolation, sandbox
from scenarios.initializers.base import (
    DEST,
    HDFS_SECRET,
    PVC,
    Call,
    CallResult,
    Initializer,
    Isolation,
    NoInitializer,
    Wanted,
)
from scenarios.initializers.checkout import Checkout
from scenarios.initializers.image_paths import as_in_image, image_paths
from scenarios.initializers.image_python import Shortfall, shortfall
from scenarios.initializers.releases import Release, known_releases, releases
from scenarios.initializers.rootfs import requisites
from scenarios.reasons import NotOffered


class KServe(Initializer):
    """`kserve:VERSION`, and `kserve:PATH` for a checkout of KServe. Raises NoInitializer."""

    name = "kserve"
    route = "process"

    def __init__(self, named: str, wanted: Wanted = "auto") -> None:
        self._wanted = wanted
        self.spec = f"kserve:{named}"
        self._source = _source(named)
        self.version, self.release = self._source.version, self._source.release
        self.digest = ""
        self._shortfall: Shortfall | None = None
        self._program: Sequence[str] = ()
        self._needs: Sequence[Path] = ()
        self._paths: Mapping[str, str] = {}

    @cached_property
    def isolation(self) -> Isolation:
        """The best isolation that `wanted` and this machine allow. Determined once per run. Raises NoInitializer."""
        return isolation.choose(self._wanted)

    def prepare(self) -> None:
        """Install the package and its entrypoint, once per machine. Then load a local model."""
        notes = [*self._source.notes]
        try:
            installed = self._source.install()
        except (ToolFailed, OSError) as failure:  # OSError: a file of a checkout that cannot be read
            raise NoInitializer(f"{self.spec}: {failure}") from failure
        environment, entrypoint, self.lacks = installed.environment, installed.entrypoint, installed.lacks
        self.python, intended = release_of(environment), self._source.python
        if self.python.rpartition(".")[0] != intended:
            notes.append(
                f"It runs on Python {self.python}, but the image of {self.version} has Python {intended}. "
                f"To install that, run `uv python install {intended}`."
            )
        self._shortfall = shortfall(self.python)
        if self._shortfall:
            notes.append(f"{self._shortfall.reason}.")
        self.notes = (*notes, *self.lacks.values())
        self._program = (str(environment / "bin" / "python"), str(entrypoint))
        self._needs = (*requisites(environment / "bin" / "python"), entrypoint)
        self.digest = _digest(environment, self._source.code, entrypoint)
        self._paths = image_paths(environment, entrypoint, self._source.code)
        self._smoke(installed.repair or f"remove {environment} to reinstall it")

    def unsupported(self, call: Call) -> str:
        return sandbox.unsupported(call, self.isolation)

    def run(self, call: Call) -> CallResult:
        """Run the entrypoint once. Its output shows the paths of KServe's image.

        Raises NotOffered for a call that failed because its Python is too old.
        """
        if self.isolation == "none" and HDFS_SECRET in call.mounts:  # without a sandbox nothing can be mounted there
            call = replace(call, environment={"HDFS_SECRET_DIR": HDFS_SECRET, **call.environment})
        outcome = sandbox.run(self._program, self._needs, call, self.isolation)
        if self._shortfall and self._shortfall.failure.search(f"{outcome.stdout}\n{outcome.stderr}"):
            raise NotOffered(self._shortfall.reason)
        stdout, stderr = (as_in_image(text, self._paths) for text in (outcome.stdout, outcome.stderr))
        return replace(outcome, stdout=stdout, stderr=stderr)

    def _smoke(self, repair: str) -> None:
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
                f"{said[0] if said else 'no output'}; {repair}"
            )


def _source(named: str) -> Release | Checkout:
    """The release of this version, or the checkout at this path. Raises NoInitializer."""
    if named in releases():
        return releases()[named]
    if "/" in named or Path(named).is_dir():
        return Checkout(named)
    raise NoInitializer(
        f"kserve:{named} is not a known release; use one of {', '.join(known_releases())}, or the path of a checkout"
    )


def _digest(environment: Path, package: str, entrypoint: Path) -> str:
    """SHA-256 of the package's own modules, in path order, and the entrypoint."""
    digest = hashlib.sha256(entrypoint.read_bytes())
    folder = next(environment.glob(f"lib/python3*/site-packages/{package}"), None)
    if folder is None:
        raise NoInitializer(f"the installed package has no module {package}; repair its pyproject.toml")
    for module in sorted(folder.rglob("*.py")):
        digest.update(str(module.relative_to(folder)).encode() + b"\0" + module.read_bytes())
    return f"sha256:{digest.hexdigest()}"
