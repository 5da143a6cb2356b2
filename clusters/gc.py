"""Which clusters of kind's this machine's runs have made, and how what a killed run left of one is removed."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clusters.base import Source
from clusters.engine import Engine
from clusters.toolchain.cache import cache_root

#: $1 engine, $2 cluster, $3 its folder; further arguments end a container at once. It has a network of its own; kind
#: labels a volume that it makes with podman with the name of the node.
_REMOVE = """
engine=$1 cluster=$2 folder=$3
shift 3
"$engine" rm --force "$@" --volumes "$cluster-control-plane"
volumes=$("$engine" volume ls --quiet --filter label="$cluster-control-plane")
[ -z "$volumes" ] || "$engine" volume rm --force $volumes
"$engine" network rm "$cluster"
rm -rf "$folder"
"""


@dataclass(frozen=True)
class Record:
    """What a run notes of its cluster before it makes it.

    pid, started  the process that made it; `started` tells it from a later one of the same number.
    kept          it is finished, and shall outlive that process.
    recipe        digest of its configuration: another one means another cluster.
    images, why   as in Cluster.
    """

    name: str
    pid: int
    started: str
    kept: bool
    recipe: str
    images: Source
    why: str

    def write(self) -> None:
        """Note it in the cluster's folder."""
        path = folder_of(self.name) / "record.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self)))
        new.replace(path)

    @property
    def abandoned(self) -> bool:
        """Whether nobody is there any more who would remove it."""
        return not self.kept and started(self.pid) != self.started


class CleanupWatchdog:
    """Removes one cluster as soon as this process is gone, even killed, or when it is told to."""

    def __init__(self, engine: Engine, name: str) -> None:
        script = f"cat >/dev/null\nexec >/dev/null 2>&1\n{_REMOVE}"
        self._shell = subprocess.Popen(
            ["sh", "-c", script, "reaper", *_arguments(engine, name)],
            env=engine.variables(),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def remove(self) -> None:
        """Remove the cluster now."""
        self._shell.communicate()

    def dismiss(self) -> None:
        """Leave the cluster alone."""
        self._shell.kill()
        self._shell.communicate()


def folder_of(name: str) -> Path:
    """Where a cluster's record, kubeconfig and shared folder lie."""
    return cache_root() / "clusters" / name


def record_of(name: str) -> Record | None:
    """What the run that made it noted; None for a cluster that is not the suite's."""
    try:
        return Record(**json.loads((folder_of(name) / "record.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def started(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def remove(engine: Engine, name: str) -> None:
    """Remove a cluster of the suite's with its container, volumes, network and folder, whatever there is of it."""
    CleanupWatchdog(engine, name).remove()


def collect(engine: Engine) -> list[str]:
    """Remove what killed runs left; returns the names of the clusters."""
    names = sorted(folder.name for folder in (cache_root() / "clusters").glob("*/"))
    left = [name for name in names if (record := record_of(name)) and record.abandoned]
    for name in left:
        remove(engine, name)
    return left


def _arguments(engine: Engine, name: str) -> list[str]:
    at_once = ["--time", "0"] if engine.name == "podman" else []
    return [engine.program, name, str(folder_of(name)), *at_once]
