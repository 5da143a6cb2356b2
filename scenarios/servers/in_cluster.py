"""The fleet inside a cluster: one pod with the same servers and the same gateway as on this machine.

The pod's folder is in a folder that this machine and the node share. Logs, the state of stand-ins and the gateway's
requests are therefore local files too. Initializers use the name of a headless Service, which leads to every port of
the pod. This machine uploads content through node ports: plain TCP for any number of workers. `kubectl port-forward`
would carry all connections in one stream through the API server and end with the first reset.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import shutil
import socket
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

import clusters
import scenarios
from clusters.base import Cluster, Image, Provider
from clusters.images.servers import servers_folder, servers_image
from clusters.toolchain.cache import StepFailed, ToolFailed, cache_root
from scenarios.servers import stores_pod
from scenarios.servers.base import Server, Unavailable
from scenarios.servers.fleet import Fleet
from scenarios.servers.serve import FIRST_DIRECT_PORT, FLEET
from scenarios.servers.stores_pod import CODE, NAMESPACE, await_file, create, node_ports, pod_spec, remove

log = logging.getLogger("conformance.setup")

REACHED_WITHIN_S = 15.0
#: The packages that the servers of `--servers native` import, and the toolchain that they need.
PACKAGES = (
    *("aiohttp", "azure-storage-blob", "boto3", "cryptography", "filelock"),
    *("minio", "mitmproxy", "trustme", "uv"),
)
#: Cache folders with programs of servers. Python and Node.js come with the image.
_PROGRAMS = frozenset({"go", "npm"})


@dataclass(frozen=True)
class Prepared:
    """The servers that can run in a cluster.

    packages  Python packages that the servers import, in this machine's versions.
    programs  the cache folders that their commands refer to.
    """

    servers: Sequence[type[Server]]
    unavailable: Mapping[str, str]
    packages: Sequence[str]
    programs: frozenset[Path]


def prepare(servers: Collection[type[Server]]) -> Prepared:
    """Install the programs of `servers` on this machine. Raises Unavailable."""
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
    return Prepared(able, unavailable, packages, frozenset(programs))


def start(cluster: Cluster, provider: Provider, prepared: Prepared, folder: Path, run: str) -> Fleet:
    """Start the prepared servers in `cluster`. Creates the run's `folder`, which the fleet then owns.

    Removes the objects of killed runs first. Raises Unavailable, also if another run has its stores in this cluster.
    """
    if cluster.shared is None or not folder.is_relative_to(cluster.shared):
        raise Unavailable(f"cluster {cluster.name} shares no folder with this machine; use --cluster kind")
    began = time.monotonic()
    lock = FileLock(cluster.shared / f".{NAMESPACE}.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as taken:
        raise Unavailable(f"another run has its stores in cluster {cluster.name}; wait for it to end") from taken
    deployed = Deployed(cluster, lock)
    try:
        image, place = _provisions(cluster, cluster.shared, prepared)
        if image.archive:
            provider.load([image])
        _clear(cluster)
        _bring_code(folder)
        pod = pod_spec(image.reference, prepared.servers, place, folder)
        create(cluster.client(), pod, len(prepared.servers), run)
        node = await_file(cluster.client(), folder / FLEET)
        fleet = Fleet.from_json((folder / FLEET).read_text())
        ports = node_ports(cluster.client())
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
    """The fleet's objects in the cluster, and the lock that excludes other runs."""

    cluster: Cluster
    lock: FileLock

    def stop(self) -> None:
        """Remove everything. Returns when the pod is gone, so nothing writes to the run's folder any more."""
        try:
            stores_pod.stop(self.cluster.client())
        finally:
            self.lock.release()


def _programs(server: Server) -> set[Path]:
    """The cache folders that a server's command refers to."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as state:
        words = [Path(word) for word in server.command(0, Path(state))]
    inside = [word.relative_to(cache_root()).parts for word in words if word.is_relative_to(cache_root())]
    return {cache_root() / parts[0] / parts[1] for parts in inside if parts[0] in _PROGRAMS}


def _clear(cluster: Cluster) -> None:
    """Remove the objects of killed runs. The lock's holder knows that no other run is alive."""
    remove(cluster.client())
    assert cluster.shared  # noqa: S101 -- the lock lies there
    for code in cluster.shared.glob(f"*/{CODE}"):
        shutil.rmtree(code.parent, ignore_errors=True)


def _provisions(cluster: Cluster, shared: Path, prepared: Prepared) -> tuple[Image, Path]:
    """The image of the pod, and the folder of its programs."""
    try:
        image = servers_image(cluster.images)
        return image, servers_folder(shared, prepared.packages, prepared.programs)
    except (ToolFailed, StepFailed, OSError) as failure:
        raise Unavailable(str(failure)) from failure


def _bring_code(folder: Path) -> None:
    """Copy the suite's own packages, with compiled files, to where the pod finds them."""
    for package in (clusters, scenarios):
        source = Path(package.__path__[0])
        shutil.copytree(source, folder / CODE / source.name)


def _await_route(node: str, port: int | None) -> None:
    """Wait until this machine can connect to a port of the node."""
    deadline = time.monotonic() + REACHED_WITHIN_S
    while port is not None:
        try:
            socket.create_connection((node, port), timeout=2).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"this machine cannot reach the cluster's node at {node}:{port} ({error}); "
                    "stores in the cluster need docker, or podman as root, on this machine itself"
                ) from error
            time.sleep(0.1)
        else:
            return
