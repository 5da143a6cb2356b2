"""One run: what is tested, by which rules, on which servers. The same in the controlling process and every worker."""

from __future__ import annotations

import base64
import fcntl
import importlib.metadata
import logging
import os
import pickle
import platform
import shutil
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clusters.base import Cluster
from clusters.kserve import Installation
from conformance.harness.asked import Options
from conformance.harness.cluster_environment import Stage
from conformance.known_failures import KnownFailure
from conformance.spec import Spec
from reports import model
from scenarios.initializers.base import Initializer
from scenarios.servers.base import Mode, Server
from scenarios.servers.fleet import Fleet
from scenarios.stores import STORES
from scenarios.stores.base import NO_RELEASE

SUITE = "storage-initializer-conformance"
FOLDER_PREFIX = f"{SUITE}-"

log = logging.getLogger("conformance.setup")


@dataclass
class Run:
    """What tests and reports need to know of the run."""

    options: Options
    spec: Spec
    initializer: Initializer
    fleet: Fleet
    id: str
    cluster: Cluster | None = None
    installation: Installation | None = None
    stage: Stage | None = field(default=None, repr=False)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def install(self) -> str:
        """How KServe came into the cluster; "" without one."""
        return self.installation.how if self.installation else ""

    @property
    def mode(self) -> Mode:
        return self.options.mode

    @property
    def kserve(self) -> str:
        """The release whose rules apply."""
        return self.options.kserve

    @property
    def exact_words(self) -> str | None:
        """The release whose exact messages are demanded: only KServe's own initializer is held to them."""
        return self.kserve if self.initializer.name == "kserve" else None

    @classmethod
    def start(cls, options: Options, spec: Spec) -> Run:
        """Prepare the initializer and start all servers that the selection needs, side by side, or the whole stage.

        Raises NoInitializer, NoCluster, NoKServe or ToolFailed, or Unavailable when nothing can be observed at all.
        """
        folder = _run_folder()
        servers, run_id = servers_for(options, spec), uuid.uuid4().hex[:8]
        try:
            if options.cluster != "none":
                pods = any(options.route_of(rule) == "pod" for rule in spec if options.selects(rule))
                stage = Stage.start(options, servers, folder, run_id, pods=pods)
                return cls(
                    options,
                    spec,
                    stage.initializer,
                    stage.fleet,
                    run_id,
                    stage.cluster,
                    stage.installation,
                    stage=stage,
                )
            # Before anything is installed: it may be refused.
            log.info("isolation of calls: %s", options.initializer.isolation)
            with ThreadPoolExecutor(1) as thread:
                preparing = thread.submit(options.initializer.prepare)
                fleet = Fleet.start(servers, folder)
                try:
                    preparing.result()
                except BaseException:
                    fleet.stop()
                    raise
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(options, spec, options.initializer, fleet, run_id)

    def to_worker(self) -> dict[str, str]:
        """What a pytest-xdist worker needs to take part in this run."""
        objects = (self.initializer, self.id, self.cluster, self.installation)
        return {"objects": base64.b64encode(pickle.dumps(objects)).decode(), "fleet": self.fleet.to_json()}

    @classmethod
    def in_worker(cls, options: Options, spec: Spec, sent: dict[str, str]) -> Run:
        """The controller's run, in a worker."""
        objects = pickle.loads(base64.b64decode(sent["objects"]))  # noqa: S301 - our own controller's bytes
        initializer, run_id, cluster, installation = objects
        return cls(options, spec, initializer, Fleet.from_json(sent["fleet"]), run_id, cluster, installation)

    def keeps(self) -> bool:
        """Whether one more failed case may leave its objects in the cluster (`--keep-failed N`); counts it."""
        with (self.fleet.folder / "kept").open("a") as kept:
            fcntl.flock(kept, fcntl.LOCK_EX)
            if os.fstat(kept.fileno()).st_size >= self.options.keep_failed:  # `tell` knows the end as it was at opening
                return False
            kept.write(".")
            return True

    def stop(self) -> None:
        """End every server, take the cluster down, and remove the run's folder. Only in the process that started."""
        if self.cluster is None:
            self.fleet.stop()
        elif self.stage:
            stage, self.stage = self.stage, None  # a run that was cut off is stopped once more at the end
            stage.stop(self.id, keep=self.options.keep_failed > 0)

    def why_not(self, store: str | None) -> tuple[model.Outcome, str] | None:
        """Why a case cannot be judged at all: the initializer does not claim the store, or its server does not run."""
        if store is None:
            return None
        kind = STORES[store]
        if not supported(store, self.options):
            since = f" ({kind.kserve})" if kind.kserve != NO_RELEASE else ""
            return model.Outcome.UNSUPPORTED, f"KServe {self.kserve} has no downloader for {store}{since}"
        if reason := self.initializer.lacks.get(store):
            return model.Outcome.NOT_RUN, reason
        for server in kind.needed(self.mode):
            if server is None:
                return model.Outcome.NOT_RUN, f"no server plays {store} with --servers {self.mode}"
            if server.name in self.fleet.unavailable:
                return model.Outcome.NOT_RUN, f"{server.name} does not run: {self.fleet.unavailable[server.name]}"
        return None

    def server_of(self, store: str | None) -> str:
        """The name of the server that plays a store in this run; "" where none does."""
        server = STORES[store].servers.get(self.mode) if store else None
        return server.name if server else ""

    def concerns(self, entry: KnownFailure) -> bool:
        """Whether a known failure could show in this run: on one of its servers, routes and ways to install."""
        return (
            (not entry.servers or bool(entry.servers & set(self.fleet.endpoints)))
            and (not entry.installs or self.install in entry.installs)
            and entry.on(self.initializer.python)
            and any(self.options.judges(self.spec[entry.rule], store) for store in entry.stores or (None,))
            and (not entry.routes or self.options.route_of(self.spec[entry.rule]) in entry.routes)
        )

    def required(self) -> set[tuple[str, str]]:
        """(rule, store) of every MUST that this release can be judged by; store "" where none is needed."""
        return {
            (rule.id, store)
            for rule, store in self.spec.musts()
            if self.options.judges(rule, store or None) and (not store or supported(store, self.options))
        }

    def draft(self) -> model.Report:
        """The report as far as it is known before the first result."""
        options = self.options
        servers = [
            model.Server(endpoint.server, endpoint.version, endpoint.fidelity, name)
            for name, kind in STORES.items()
            if (server := kind.servers.get(self.mode)) and (endpoint := self.fleet.endpoints.get(server.name))
        ]
        return model.Report(
            suite=model.Suite(SUITE, importlib.metadata.version(SUITE)),
            spec=model.Spec(self.spec.version, f"sha256:{self.spec.digest}"),
            initializer=model.Initializer(
                spec=self.initializer.spec,
                name=self.initializer.name,
                version=self.initializer.version,
                digest=self.initializer.digest,
                route=self.initializer.route,
                isolation=self.initializer.isolation,
                notes=tuple(self.initializer.notes),
                python=self.initializer.python,
            ),
            kserve=self.kserve,
            environment=model.Environment(
                platform=platform.platform(),
                python=platform.python_version(),
                cpus=os.cpu_count() or 1,
                servers_mode=self.mode,
                started=self.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
                servers=tuple(servers),
                cluster=self._described_cluster(),
            ),
            selection=model.Selection(options.profiles, options.stores, options.rules, options.smoke),
            rules=tuple(
                model.Rule(rule.id, rule.title, rule.statement, model.Level(rule.level), rule.area, rule.core)
                for rule in self.spec
            ),
        )

    def _described_cluster(self) -> model.Cluster:
        if self.cluster is None or self.installation is None:
            return model.Cluster()
        return model.Cluster(
            provider=self.cluster.provider,
            kubernetes=self.cluster.version,
            images=self.cluster.images,
            why=self.cluster.why,
            install=self.installation.how,
            notes=tuple(self.installation.notes),
        )


RUN = pytest.StashKey[Run]()


def supported(store: str, options: Options) -> bool:
    """Whether KServe's initializer of that release has a downloader for the store, or only custom containers have."""
    kind = STORES[store]
    custom = kind.kserve == NO_RELEASE and options.initializer.name != "kserve"
    return custom or kind.available_in(options.kserve)


def stores_for(options: Options, spec: Spec) -> set[str]:
    """The stores of which the selection has cases that the initializer can be judged by."""
    return {
        store
        for rule in spec
        for store in rule.stores
        if options.judges(rule, store) and supported(store, options) and options.wants(rule, store)
    }


def servers_for(options: Options, spec: Spec) -> set[type[Server]]:
    """The servers behind all stores that the selection touches."""
    stores = stores_for(options, spec) | {store for rule in spec if options.selects(rule) for store in rule.needs}
    return {server for store in stores for server in STORES[store].needed(options.mode) if server}


def _run_folder() -> Path:
    """A new folder for the run; those of runs that were killed are removed."""
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{FOLDER_PREFIX}*"):
        pid = old.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
