"""The fleet inside a cluster: one pod with the same servers and the same gateway as on this machine.

Its folder lies in a folder that this machine and the node share, so that logs, the state of stand-ins and the gateway's
requests are plain files here too. Initializers reach it by the name of a headless Service, which leads to every port
of the pod. This machine seeds through node ports: plain TCP for any number of workers, where `kubectl port-forward`
carries all connections in one stream through the API server and ends with the first that is reset.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lightkube
from filelock import FileLock, Timeout
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import (
    Container,
    EnvVar,
    HostPathVolumeSource,
    PodSpec,
    SecurityContext,
    ServicePort,
    ServiceSpec,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, Service, ServiceAccount

import clusters
import scenarios
from clusters.base import RUN_LABEL, Cluster, Image, Provider
from clusters.images.servers import servers_image
from clusters.toolchain.cache import ToolFailed, cache_root
from scenarios.servers.base import Server, Unavailable
from scenarios.servers.fleet import Fleet
from scenarios.servers.serve import FIRST_DIRECT_PORT, FLEET

log = logging.getLogger("conformance.setup")

NAMESPACE = "kserve-conformance-stores"
NAME = "stores"
HOST = f"{NAME}.{NAMESPACE}.svc"
READY_WITHIN_S = 90.0
GONE_WITHIN_S = 60.0
REACHED_WITHIN_S = 15.0
#: What the servers of `--servers native` import, and the toolchain behind them.
PACKAGES = ("aiohttp", "azure-storage-blob", "boto3", "cryptography", "filelock", "minio", "mitmproxy", "uv")
#: Kinds of cache folders that hold programs of servers; Python and Node are the image's own.
_PROGRAMS = frozenset({"go", "npm"})
_LAST_LINES = 12


@dataclass(frozen=True)
class Prepared:
    """The image, and what can run in it."""

    image: Image
    servers: Sequence[type[Server]]
    unavailable: Mapping[str, str]


def prepare(servers: Collection[type[Server]]) -> Prepared:
    """Have the programs of `servers` and the image with them on this machine. Raises Unavailable."""
    able, unavailable, programs = [], {}, set[Path]()
    for kind in sorted(servers, key=lambda kind: kind.name):
        server = kind()
        try:
            server.prepare()
        except Unavailable as reason:
            log.info("%s does not run: %s", kind.name, reason)
            unavailable[kind.name] = str(reason)
            continue
        able.append(kind)
        programs |= _programs(server)
    try:
        packages = [f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES]
    except importlib.metadata.PackageNotFoundError as absent:
        raise Unavailable(f"{absent.name} missing: install the suite with its `embedded` extra") from absent
    try:
        return Prepared(servers_image(packages, programs), able, unavailable)
    except ToolFailed as failure:
        raise Unavailable(str(failure)) from failure


def start(cluster: Cluster, provider: Provider, prepared: Prepared, folder: Path, run: str) -> Fleet:
    """Start the prepared servers in `cluster`, with the run's `folder` (made, and owned by the fleet from now on).

    Raises Unavailable, also where another run has its stores in this cluster; those of a run that was killed go first.
    """
    if cluster.shared is None or not folder.is_relative_to(cluster.shared):
        raise Unavailable(f"cluster {cluster.name} shares no folder with this machine; use --cluster kind")
    began = time.monotonic()
    lock = FileLock(cluster.shared / f".{NAMESPACE}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as taken:
        raise Unavailable(f"another run has its stores in cluster {cluster.name}; wait for it to end") from taken
    deployed = Deployed(cluster, lock)
    try:
        provider.load([prepared.image])
        deployed.remove()
        _bring_code(folder)
        _create(deployed.client, prepared, folder, run)
        node = _await_fleet(deployed.client, folder / FLEET)
        fleet = Fleet.from_json((folder / FLEET).read_text())
        ports = _node_ports(deployed.client)
        _await_route(node, ports[FIRST_DIRECT_PORT] if prepared.servers else None)
    except BaseException:
        deployed.stop()
        raise
    direct = {kind.name: ports[port] for port, kind in enumerate(prepared.servers, FIRST_DIRECT_PORT)}
    endpoints = {
        name: replace(endpoint, direct_url=f"http://{node}:{direct[name]}")
        for name, endpoint in fleet.endpoints.items()
    }
    log.info("%d servers run in the cluster after %.1f s", len(endpoints), time.monotonic() - began)
    unavailable = {**prepared.unavailable, **fleet.unavailable}
    return replace(fleet, endpoints=endpoints, unavailable=unavailable, _processes=(deployed,))


@dataclass(frozen=True)
class Deployed:
    """The objects of the fleet in the cluster, and the lock that keeps other runs away from them."""

    cluster: Cluster
    lock: FileLock

    @property
    def client(self) -> lightkube.Client:
        return self.cluster.client()

    def stop(self) -> None:
        """Remove everything; returns when it is gone."""
        try:
            self.remove()
        finally:
            self.lock.release()

    def remove(self) -> None:
        """Remove the namespace, if it is there. Raises Unavailable if it stays."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while (phase := _delete(self.client)) is not None:
            if time.monotonic() > deadline:
                raise Unavailable(f"namespace {NAMESPACE} is {phase} for {GONE_WITHIN_S:g} s; delete it")
            time.sleep(0.1)


def _programs(server: Server) -> set[Path]:
    """The folders of the cache that a server's command names."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as state:
        words = [Path(word) for word in server.command(0, Path(state))]
    inside = [word.relative_to(cache_root()).parts for word in words if word.is_relative_to(cache_root())]
    return {cache_root() / parts[0] / parts[1] for parts in inside if parts[0] in _PROGRAMS}


def _bring_code(folder: Path) -> None:
    """The suite's own packages, as they are now, where the pod finds them."""
    for package in (clusters, scenarios):
        source = Path(package.__path__[0])
        shutil.copytree(source, folder / "code" / source.name, ignore=shutil.ignore_patterns("__pycache__"))


def _create(client: lightkube.Client, prepared: Prepared, folder: Path, run: str) -> None:
    labels = {RUN_LABEL: run, "app": NAME}
    client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE, labels=labels)))

    def named(name: str) -> ObjectMeta:
        return ObjectMeta(name=name, namespace=NAMESPACE, labels=labels)

    # An account of its own: the namespace's default one comes later than the pod would.
    client.create(ServiceAccount(metadata=named(NAME)))
    client.create(
        Service(
            metadata=named(NAME),
            spec=ServiceSpec(clusterIP="None", selector={"app": NAME}, publishNotReadyAddresses=True),
        )
    )
    ports = [ServicePort(name=f"port-{port}", port=port) for port, _ in enumerate(prepared.servers, FIRST_DIRECT_PORT)]
    if ports:
        spec = ServiceSpec(type="NodePort", selector={"app": NAME}, ports=ports, publishNotReadyAddresses=True)
        client.create(Service(metadata=named(f"{NAME}-direct"), spec=spec))
    client.create(Pod(metadata=named(NAME), spec=_pod(prepared, folder)))


def _pod(prepared: Prepared, folder: Path) -> PodSpec:
    """A bare pod, never restarted: most servers keep what they were given in memory."""
    classes = [f"{kind.__module__}:{kind.__qualname__}" for kind in prepared.servers]
    container = Container(
        name=NAME,
        image=prepared.image.reference,
        args=["-m", "scenarios.servers.serve", "--host", HOST, "--folder", str(folder), *classes],
        env=[EnvVar(name="PYTHONPATH", value=str(folder / "code"))],
        volumeMounts=[VolumeMount(name="run", mountPath=str(folder))],
        securityContext=SecurityContext(runAsUser=os.getuid(), runAsGroup=os.getgid()),
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    return PodSpec(
        containers=[container],
        volumes=[Volume(name="run", hostPath=HostPathVolumeSource(path=str(folder), type="Directory"))],
        restartPolicy="Never",
        serviceAccountName=NAME,
        automountServiceAccountToken=False,
        enableServiceLinks=False,
        terminationGracePeriodSeconds=2,
    )


def _await_fleet(client: lightkube.Client, file: Path) -> str:
    """Wait until the pod has left its fleet; the address of its node."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not file.exists():
        state = _state(client.get(Pod, NAME, namespace=NAMESPACE))
        if state.startswith("!") or time.monotonic() > deadline:
            raise Unavailable(f"the stores did not start in the cluster: {state.lstrip('!')}")
        time.sleep(0.1)
    status = client.get(Pod, NAME, namespace=NAMESPACE).status
    return str(status.hostIP if status else "")


def _state(pod: Pod) -> str:
    """Its state in words, with a `!` before it where it is final."""
    status = pod.status
    for container in (status and status.containerStatuses) or ():
        state = container.state
        if state and state.terminated:
            said = (state.terminated.message or state.terminated.reason or "").strip().splitlines()[-_LAST_LINES:]
            return f"!its pod ended with status {state.terminated.exitCode}. " + "\n".join(said)
        if state and state.waiting and (state.waiting.reason or "").startswith(("Err", "Image", "Create", "Invalid")):
            return f"!its pod waits: {state.waiting.reason}: {state.waiting.message}"
        if state and state.running:
            return f"its pod runs, but its servers are not ready after {READY_WITHIN_S:g} s"
    conditions = [c.message for c in (status and status.conditions) or () if c.status == "False" and c.message]
    return f"its pod is {status.phase if status else 'unknown'} after {READY_WITHIN_S:g} s: {'; '.join(conditions)}"


def _node_ports(client: lightkube.Client) -> dict[int, int]:
    """Port of the pod -> port of the node."""
    services = client.list(Service, namespace=NAMESPACE)
    ports = [port for service in services if service.spec for port in service.spec.ports or ()]
    return {port.port: port.nodePort for port in ports if port.nodePort}


def _await_route(node: str, port: int | None) -> None:
    """Wait until this machine gets through to a port of the node."""
    deadline = time.monotonic() + REACHED_WITHIN_S
    while port is not None:
        try:
            socket.create_connection((node, port), timeout=2).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"this machine does not reach the cluster's node at {node}:{port} ({error}); "
                    "stores in the cluster need docker, or podman as root, on this machine itself"
                ) from error
            time.sleep(0.1)
        else:
            return


def _delete(client: lightkube.Client) -> str | None:
    """Ask for the end of the namespace; its phase, None once it is gone."""
    try:
        namespace = client.get(Namespace, NAMESPACE)
        if namespace.metadata and not namespace.metadata.deletionTimestamp:
            client.delete(Namespace, NAMESPACE)
    except ApiError as error:
        if error.status.code == 404:
            return None
        raise
    return (namespace.status and namespace.status.phase) or "there"
