"""A kind cluster with one node, on docker or podman. A run starts and removes it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from clusters import gc, node_source
from clusters.base import Cluster, Image, NoCluster, Provider, Source
from clusters.engine import Engine, NoEngine, find_engine
from clusters.images.node import KIND_MODULE, KIND_VERSION, POD_SUBNET
from clusters.node import Node
from clusters.toolchain.cache import StepFailed, ToolFailed, cache_root, run
from clusters.toolchain.go import go_binary

log = logging.getLogger("conformance.setup")

KEPT_NAME = "kserve-conformance"
READY_WITHIN_S = 120.0
ANSWERS_WITHIN_S = 5.0
#: The oldest versions with the features that kind requires: a private cgroup namespace, and networks with DNS.
OLDEST = {"docker": (20, 10), "podman": (4, 0)}
OLDEST_KIND = (0, 24)
_GIB = 1 << 30
MEMORY_BYTES = 2 * _GIB
DISK_BYTES = 6 * _GIB
#: Settings for many short-lived pods at once; the defaults of kind and the kubelet suit a few long-lived pods.
_KUBELET = {
    "kind": "KubeletConfiguration",
    "maxPods": 200,
    "kubeAPIQPS": 200,
    "kubeAPIBurst": 400,
    "eventRecordQPS": 0,
    "serializeImagePulls": False,
}


class Kind(Provider):
    """A cluster that is removed after the run, or with `keep` one that remains for the next run.

    name      the name of the cluster; by default KEPT_NAME with `keep`, else a name that no parallel run has.
    images    "auto" pulls the published node image if a registry responds, and otherwise assembles one.
    """

    driver = "kind"

    def __init__(self, name: str = "", *, keep: bool = False, images: node_source.Choice = "auto") -> None:
        self.name = name or (KEPT_NAME if keep else f"{KEPT_NAME}-{os.getpid()}")
        self._keep = keep
        self._images = images
        self._engine: Engine | None = None
        self._watchdog: gc.CleanupWatchdog | None = None

    def start(self) -> Cluster:
        """Start the cluster, or find the kept one, and return it when pods can run. Raises NoCluster."""
        engine = self._engine = usable_engine()
        for name in gc.collect(engine):
            log.info("kind cluster %s: removed, its run was killed", name)
        lock = cache_root() / "locks" / f"cluster-{self.name}"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            return self._running(engine) or self._created(engine)

    def load(self, images: Sequence[Image]) -> None:
        """Load `images` into the node, and skip those that it has with the same content. Raises NoCluster."""
        if not self._engine:
            raise NoCluster(f"kind cluster {self.name} is not up")
        self._node(self._engine).load(images)

    def stop(self) -> None:
        """Remove the cluster, unless it is to be kept."""
        if self._watchdog:
            self._watchdog.remove()
            self._watchdog = None

    def _running(self, engine: Engine) -> Cluster | None:
        """Return the kept cluster with this name and recipe if it responds; remove any other cluster of the suite.

        Raises NoCluster if the cluster with this name belongs to another program or to another run, or if it is a kept
        cluster and this run does not keep it.
        """
        found = gc.record_of(self.name)
        exists = engine.run("container", "inspect", f"{self.name}-control-plane").returncode == 0
        if exists and not found:
            remedy = f"run `kind delete cluster --name {self.name}`, or choose another name"
            raise NoCluster(f"another program created kind cluster {self.name}; {remedy}")
        if found and not found.kept and not found.abandoned:
            raise NoCluster(f"kind cluster {self.name} belongs to the run of process {found.pid}; choose another name")
        if found and found.kept and not self._keep:
            raise NoCluster(f"kind cluster {self.name} was kept; keep it for this run too, or choose another name")
        if found and exists and self._wanted(found):
            with contextlib.suppress(NoCluster):
                return self._cluster(engine, found, ANSWERS_WITHIN_S)
        if found:
            log.info("kind cluster %s: replaced, it does not answer or is of another recipe", self.name)
            gc.remove(engine, self.name)
        return None

    def _wanted(self, found: gc.Record) -> bool:
        image = node_source.PUBLISHED if found.images == "published" else node_source.assembled_name()
        return self._images in {"auto", found.images} and found.recipe == _digest(self._configuration(image))

    def _created(self, engine: Engine) -> Cluster:
        source, why = node_source.choose(engine, self._images)
        log.info("kind cluster %s: %s images (%s)", self.name, source, why)
        _check_room(engine)
        kind, image = _kind(), node_source.have(engine, source)
        configuration = self._configuration(image)
        record = gc.Record(
            name=self.name,
            pid=os.getpid(),
            started=gc.started(os.getpid()),
            kept=False,
            recipe=_digest(configuration),
            images=source,
            why=why,
        )
        record.write()
        self._shared.mkdir(exist_ok=True)
        self._watchdog = gc.CleanupWatchdog(engine, self.name)
        try:
            begun = time.monotonic()
            self._create(engine, kind, configuration)
            cluster = self._cluster(engine, record, READY_WITHIN_S)
        except BaseException:
            self.stop()
            raise
        log.info("kind cluster %s: ready after %.1f s", self.name, time.monotonic() - begun)
        if self._keep:
            dataclasses.replace(record, kept=True).write()
            self._watchdog.dismiss()
            self._watchdog = None
        return cluster

    def _create(self, engine: Engine, kind: Path, configuration: str) -> None:
        if engine.name == "podman" and os.geteuid() == 0:
            # kind mounts this folder, and podman does not mount a missing folder.
            Path("/lib/modules").mkdir(exist_ok=True)
        file = self._folder / "kind.yaml"
        file.write_text(configuration)
        log.info("kind cluster %s: creating", self.name)
        its_own = f"KIND_EXPERIMENTAL_{engine.name.upper()}_NETWORK"
        environment = {**engine.environment, "KIND_EXPERIMENTAL_PROVIDER": engine.name, its_own: self.name}
        # kind must end when this process is killed, because nothing would remove a cluster that it creates later.
        with_parent = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        try:
            self._drive([*with_parent, str(kind)], environment, file, self._folder / "kubeconfig")
        except StepFailed as failure:
            full = cache_root() / "logs" / f"cluster-{self.name}"
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_text(failure.output)
            raise NoCluster(
                f"kind cannot create {self.name} with {engine.name}: {failure} (full output: {full})"
            ) from None

    def _drive(self, kind: Sequence[str], environment: Mapping[str, str], file: Path, kubeconfig: Path) -> None:
        """Run `kind` with `environment` to create the cluster that `file` describes, and write `kubeconfig`.

        Raises StepFailed.
        """
        options: list[str | Path] = ["--name", self.name, "--config", file, "--kubeconfig", kubeconfig]
        run([*kind, "create", "cluster", *options], environment)

    def _cluster(self, engine: Engine, record: gc.Record, within_s: float) -> Cluster:
        cluster = Cluster(
            name=self.name,
            provider=self.driver,
            version="",
            kubeconfig=self._folder / "kubeconfig",
            context=f"kind-{self.name}",
            images=record.images,
            why=record.why,
            shared=self._shared,
        )
        version = self._node(engine).wait_until_ready(cluster.client(), within_s)
        return dataclasses.replace(cluster, version=version)

    def _node(self, engine: Engine) -> Node:
        return Node(engine, f"{self.name}-control-plane")

    @property
    def _folder(self) -> Path:
        return gc.folder_of(self.name)

    @property
    def _shared(self) -> Path:
        return self._folder / "shared"

    def _configuration(self, image: str) -> str:
        node: dict[str, Any] = {
            "role": "control-plane",
            "image": image,
            "extraMounts": [{"hostPath": str(self._shared), "containerPath": str(self._shared)}],
            "kubeadmConfigPatches": [yaml.safe_dump(_KUBELET)],
        }
        # An assembled node contains its network configuration; kind's own network needs an image.
        networking = {"podSubnet": POD_SUBNET, "disableDefaultCNI": image != node_source.PUBLISHED}
        whole = {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            # `oci+native://` uses an image volume; without the feature gate, the API server drops it silently.
            "featureGates": {"ImageVolume": True},
            "networking": networking,
            "nodes": [node],
        }
        return yaml.safe_dump(whole)


def usable_engine() -> Engine:
    """Return the engine of this machine. Raises NoCluster if kind cannot use it."""
    try:
        engine = find_engine()
    except NoEngine as reason:
        raise NoCluster(f"kind needs a container engine: {reason}") from reason
    numbers = re.match(r"(\d+)\.(\d+)", engine.version)
    oldest = OLDEST[engine.name]
    if numbers and (int(numbers[1]), int(numbers[2])) < oldest:
        raise NoCluster(f"{engine.name} {engine.version} is too old for kind; install {oldest[0]}.{oldest[1]} or newer")
    return engine


def prepare(images: node_source.Choice = "auto") -> Source:
    """Pull or build in advance what `start` needs, and return where the images come from. Raises NoCluster."""
    engine = usable_engine()
    source, why = node_source.choose(engine, images)
    log.info("%s images (%s)", source, why)
    _kind()
    node_source.have(engine, source)
    return source


def _kind() -> Path:
    """Return kind from PATH if it is new enough; otherwise build it from its module. Raises NoCluster."""
    if found := shutil.which("kind"):
        with contextlib.suppress(StepFailed):
            numbers = re.search(r"(\d+)\.(\d+)", run([found, "version"]))
            if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_KIND:
                return Path(found)
    try:
        return go_binary(KIND_MODULE, KIND_VERSION, "kind")
    except ToolFailed as failure:
        raise NoCluster(str(failure)) from failure


def _check_room(engine: Engine) -> None:
    """Raise NoCluster if memory or disk space does not suffice for a node."""
    field = "{{.DockerRootDir}}" if engine.name == "docker" else "{{.Store.GraphRoot}}"
    storage = Path(engine.run("info", "--format", field).stdout.strip())
    for folder in (cache_root(), storage):
        # The storage of the engine can be on another machine.
        if folder.exists() and (free := shutil.disk_usage(folder).free) < DISK_BYTES:
            raise NoCluster(
                f"{_in_gib(free)} are free at {folder}, but a cluster needs {_in_gib(DISK_BYTES)}; free some space"
            )
    with contextlib.suppress(OSError):  # not Linux
        available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if available and (free := int(available[1]) * 1024) < MEMORY_BYTES:
            raise NoCluster(
                f"{_in_gib(free)} of memory are free, but a cluster needs {_in_gib(MEMORY_BYTES)}; stop other programs"
            )


def _in_gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"


def _digest(configuration: str) -> str:
    return hashlib.sha256(configuration.encode()).hexdigest()[:12]
