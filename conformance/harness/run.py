"""One run: the initializer under test, the rules, the servers, and, in a ClusterRun, the cluster.

The controlling process starts the run. Each pytest-xdist worker joins it.
"""

from __future__ import annotations

import base64
import fcntl
import logging
import os
import pickle
import shutil
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.harness.run_options import Options, controllers_for, servers_for
from conformance.spec import Spec
from reports.installed import NAME
from scenarios.initializers.base import Initializer
from scenarios.servers.base import Mode
from scenarios.servers.fleet import Fleet
from scenarios.stores import STORES

if TYPE_CHECKING:
    from clusters.base import Cluster
    from clusters.kserve.installation import Installation
    from conformance.harness.cluster_environment import ClusterEnvironment

FOLDER_PREFIX = f"{NAME}-"

log = logging.getLogger("conformance.setup")


@dataclass(kw_only=True)
class Run:
    """A run on this machine, without a cluster.

    id  random hexadecimal digits that mark every object the run creates.
    """

    options: Options
    spec: Spec
    initializer: Initializer
    fleet: Fleet
    id: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    #: How the run installed KServe in its cluster. "" without a cluster.
    install: str = field(default="", init=False)

    @property
    def mode(self) -> Mode:
        return self.options.mode

    @property
    def kserve(self) -> str:
        """The release whose rules apply."""
        return self.options.kserve

    @property
    def exact_words(self) -> str | None:
        """The release whose exact messages the rules require. None unless the initializer is KServe's own."""
        return self.kserve if self.initializer.name == "kserve" else None

    def server_of(self, store: str | None) -> str:
        """Return the name of the server that serves `store` in this run. "" if the store has none."""
        server = STORES[store].servers.get(self.mode) if store else None
        return server.name if server else ""

    def lost(self, store: str) -> str:
        """Name the server or gateway that died during a case on `store`, with its last output. "" if none died."""
        return self.fleet.lost(self.server_of(store))

    def case_folder(self, case: str, own: Path) -> Path:  # noqa: ARG002 -- another run's folder depends on the case
        """Return the folder for a store's files of one case. `own` is the test's own folder."""
        return own

    def to_worker(self) -> dict[str, str]:
        """Serialize the run for `in_worker`."""
        objects = base64.b64encode(pickle.dumps((type(self), self._objects())))
        return {"objects": objects.decode(), "fleet": self.fleet.to_json()}

    def _objects(self) -> dict[str, Any]:
        """The fields that a worker cannot derive from its own command line."""
        return {"initializer": self.initializer, "id": self.id}

    def keeps(self) -> bool:
        """Return whether one more failed case may keep its objects in the cluster (`--keep-failed N`), and count it."""
        with (self.fleet.folder / "kept").open("a") as kept:
            fcntl.flock(kept, fcntl.LOCK_EX)
            if os.fstat(kept.fileno()).st_size >= self.options.keep_failed:  # `tell` is the size at opening
                return False
            kept.write(".")
            return True

    def stop(self) -> None:
        """Stop every server and remove the run's folder. Call it only in the process that started the run."""
        self.fleet.stop()


@dataclass(kw_only=True)
class ClusterRun(Run):
    """A run on a cluster with KServe.

    environment  the parts that this process started and must stop. None in a worker and after `stop`.
    """

    cluster: Cluster
    installation: Installation
    environment: ClusterEnvironment | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.install = self.installation.how

    def lost(self, store: str) -> str:  # noqa: ARG002 -- Kubernetes watches over the servers
        return ""

    def case_folder(self, case: str, own: Path) -> Path:  # noqa: ARG002 -- the nodes see the folder of the run alone
        return self.fleet.folder / "cases" / case

    def _objects(self) -> dict[str, Any]:
        return {**super()._objects(), "cluster": self.cluster, "installation": self.installation}

    def stop(self) -> None:
        environment, self.environment = self.environment, None  # an interrupted run calls `stop` twice
        if environment:
            environment.stop(self.id, keep=self.options.keep_failed > 0)


RUN = pytest.StashKey[Run]()


def start(options: Options, spec: Spec) -> Run:
    """Prepare the initializer and start the servers that the selected rules need, on this machine or in a cluster.

    Raises NoInitializer, NoCluster, NoKServe or ToolFailed. Raises Unavailable when the run could not observe anything.
    """
    folder, run_id = _run_folder(), uuid.uuid4().hex[:8]
    try:
        return (_start_here if options.cluster == "none" else _start_on_cluster)(options, spec, folder, run_id)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _start_here(options: Options, spec: Spec, folder: Path, run_id: str) -> Run:
    # Log this before anything is installed, because the isolation may be refused.
    log.info("isolation of calls: %s", options.initializer.isolation)
    with ThreadPoolExecutor(1) as thread:
        preparing = thread.submit(options.initializer.prepare)
        fleet = Fleet.start(servers_for(options, spec), folder)
        try:
            preparing.result()
        except BaseException:
            fleet.stop()
            raise
    return Run(options=options, spec=spec, initializer=options.initializer, fleet=fleet, id=run_id)


def _start_on_cluster(options: Options, spec: Spec, folder: Path, run_id: str) -> ClusterRun:
    from conformance.harness.cluster_environment import ClusterEnvironment  # noqa: PLC0415 - it imports lightkube

    pods = any(options.route_of(rule) == "pod" for rule in spec if options.selects(rule))
    environment = ClusterEnvironment.start(
        options, servers_for(options, spec), folder, run_id, pods=pods, controllers=controllers_for(options, spec)
    )
    return ClusterRun(
        options=options,
        spec=spec,
        initializer=environment.initializer,
        fleet=environment.fleet,
        id=run_id,
        cluster=environment.cluster,
        installation=environment.installation,
        environment=environment,
    )


def in_worker(options: Options, spec: Spec, sent: dict[str, str]) -> Run:
    """Recreate the controller's run in a worker. `sent` is the result of `Run.to_worker`."""
    kind, objects = pickle.loads(base64.b64decode(sent["objects"]))  # noqa: S301 - our own controller's bytes
    run: Run = kind(options=options, spec=spec, fleet=Fleet.from_json(sent["fleet"]), **objects)
    return run


def _run_folder() -> Path:
    """Create a folder for the run, and remove the folders of killed runs."""
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{FOLDER_PREFIX}*"):
        pid = old.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
