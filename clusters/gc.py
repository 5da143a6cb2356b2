"""Track the kind clusters that runs on this machine created, and remove those that killed runs left behind."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clusters.base import Source
from clusters.engine import Engine
from clusters.toolchain.cache import cache_root

#: $1 is the engine, $2 the cluster, $3 its folder; further arguments make the engine end a container at once. Each
#: cluster has its own network. With podman, kind labels the volumes that it creates with the name of the node.
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
    """The record that a run writes before it creates a cluster.

    pid      the process that created the cluster.
    started  the start time of that process, to tell it from a later process with the same pid.
    kept     whether the cluster is finished and outlives that process.
    recipe   the digest of its configuration; a cluster with another digest is not reused.
    images   as in Cluster.
    why      as in Cluster.
    """

    name: str
    pid: int
    started: str
    kept: bool
    recipe: str
    images: Source
    why: str

    def write(self) -> None:
        """Write the record to the cluster's folder."""
        path = folder_of(self.name) / "record.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self)))
        new.replace(path)

    @property
    def abandoned(self) -> bool:
        """Return whether the process that should remove the cluster is gone."""
        return not self.kept and started(self.pid) != self.started


class CleanupWatchdog:
    """Removes one cluster on request, or as soon as this process ends, even if it is killed."""

    def __init__(self, engine: Engine, name: str) -> None:
        script = f"cat >/dev/null\nexec >/dev/null 2>&1\n{_REMOVE}"
        self._shell = subprocess.Popen(
            ["sh", "-c", script, "cleanup-watchdog", *_arguments(engine, name)],
            env=engine.variables(),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def remove(self) -> None:
        """Remove the cluster now."""
        self._shell.communicate()

    def dismiss(self) -> None:
        """Stop watching, and keep the cluster."""
        self._shell.kill()
        self._shell.communicate()


def folder_of(name: str) -> Path:
    """Return the folder of a cluster's record, kubeconfig and shared files."""
    return cache_root() / "clusters" / name


def record_of(name: str) -> Record | None:
    """Return the record of a cluster; None if the suite did not create it."""
    try:
        return Record(**json.loads((folder_of(name) / "record.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def started(pid: int) -> str:
    """Return the start time of a process in kernel clock ticks; "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def remove(engine: Engine, name: str) -> None:
    """Remove a cluster of the suite: its container, volumes, network and folder, as far as they exist."""
    CleanupWatchdog(engine, name).remove()


def collect(engine: Engine) -> list[str]:
    """Remove the clusters that killed runs left behind, and return their names."""
    names = sorted(folder.name for folder in (cache_root() / "clusters").glob("*/"))
    left = [name for name in names if (record := record_of(name)) and record.abandoned]
    for name in left:
        remove(engine, name)
    return left


def _arguments(engine: Engine, name: str) -> list[str]:
    at_once = ["--time", "0"] if engine.name == "podman" else []
    return [engine.program, name, str(folder_of(name)), *at_once]
