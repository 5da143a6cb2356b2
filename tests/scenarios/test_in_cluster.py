"""The stores inside a cluster: seeded from here, read by pods, gone with the run."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from filelock import FileLock
from lightkube.models.core_v1 import (
    Container,
    ContainerState,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    EmptyDirVolumeSource,
    EnvVar,
    HostPathVolumeSource,
    PodSpec,
    PodStatus,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from clusters.base import Cluster
from clusters.images.own import own_image
from clusters.kind import Kind
from scenarios.initializers.base import DEST
from scenarios.initializers.release_image import initializer_image
from scenarios.network.view import Gateway
from scenarios.servers import in_cluster, serve, stores_pod
from scenarios.servers.azurite import Azurite
from scenarios.servers.base import Server, Unavailable
from scenarios.servers.fake_gcs_server import FakeGCSServer
from scenarios.servers.fleet import Fleet
from scenarios.servers.http_server import HttpServer
from scenarios.servers.minio import MinIO
from scenarios.servers.process import free_ports
from scenarios.stores import STORES
from scenarios.stores.base import Store

KSERVE = "0.20.0"
ENDED_WITHIN_S = 120
TREE = {"model/a.bin": b"a", "model/sub/b.bin": b"b" * 100_000}


class Missing(HttpServer):
    """Cannot be had on this machine."""

    name = "missing"

    def prepare(self) -> None:
        raise Unavailable("no such program: install it")


def test_initializers_ask_the_servers_in_a_cluster_past_the_proxy() -> None:
    """The proxy's own host needs none; on this machine nothing changes."""
    inside = Gateway(f"http://{stores_pod.HOST}:8080", Path("ca"), Path("log")).environment()
    assert inside["NO_PROXY"] == f"127.0.0.1,{stores_pod.HOST}"
    assert Gateway("http://127.0.0.1:8080", Path("ca"), Path("log")).environment()["no_proxy"] == "127.0.0.1"


def test_a_fleet_answers_by_its_name_from_elsewhere(tmp_path: Path) -> None:
    """On every address, with a certificate for that name on the same port."""
    fleet = Fleet.start({HttpServer}, tmp_path / "run", "127.0.0.3")
    try:
        url = urlsplit(fleet.endpoints[HttpServer.name].url)
        assert url.hostname == urlsplit(fleet.gateway.proxy_url).hostname == "127.0.0.3"
        with socket.create_connection(("127.0.0.2", url.port or 0), timeout=5):
            pass
        trusting = ssl.create_default_context(cafile=str(fleet.gateway.ca))
        with (
            socket.create_connection(("127.0.0.1", url.port or 0), timeout=5) as plain,
            trusting.wrap_socket(plain, server_hostname=stores_pod.HOST) as encrypted,
        ):
            assert encrypted.version()
    finally:
        fleet.stop()


def test_a_relay_leads_both_ways() -> None:
    """Every byte and the end of each direction; a connection to a server that is gone ends too."""
    entry, target, nowhere = free_ports(3)

    async def talk() -> tuple[bytes, bytes]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = await reader.read()
            writer.write(asked * 2)
            writer.close()

        await asyncio.start_server(answer, "127.0.0.1", target)
        await serve._relay(entry, target)
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(b"x" * 2**20)
        writer.write_eof()
        answered = await reader.read()
        await serve._relay(nowhere, 1)
        gone, _ = await asyncio.open_connection("127.0.0.1", nowhere)
        try:
            return answered, await gone.read()
        except ConnectionResetError:
            return answered, b""

    assert asyncio.run(talk()) == (b"x" * 2**21, b"")


@pytest.mark.parametrize(
    ("state", "said", "final"),
    [
        (
            ContainerState(terminated=ContainerStateTerminated(exitCode=1, message="the gateway ended")),
            "status 1\nthe gateway ended",
            True,
        ),
        (
            ContainerState(waiting=ContainerStateWaiting(reason="ErrImageNeverPull", message="not present")),
            "its pod waits: ErrImageNeverPull: not present",
            True,
        ),
        (ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating")), "its pod is Pending", False),
    ],
    ids=["ended", "no image", "on its way"],
)
def test_a_pod_that_will_never_start_is_told(state: ContainerState, said: str, final: bool) -> None:
    """At once, with its last words."""
    status = ContainerStatus(name="stores", image="", imageID="", ready=False, restartCount=0, state=state)
    words, ended = stores_pod._state(Pod(status=PodStatus(phase="Pending", containerStatuses=[status])))
    assert said in words
    assert ended is final


def test_what_cannot_run_is_known_before() -> None:
    """A server without its program is left out; the others go on."""
    prepared = in_cluster.prepare({Missing, HttpServer})
    assert (prepared.servers, prepared.unavailable) == ([HttpServer], {"missing": "no such program: install it"})
    assert any(package.startswith("mitmproxy==") for package in prepared.packages)


def test_a_cluster_that_shares_no_folder(tmp_path: Path) -> None:
    """Nothing could be seeded there, nor any request seen."""
    cluster = Cluster("theirs", "existing", "v1.34.4", tmp_path, "theirs", "published", "")
    prepared = in_cluster.Prepared([], {}, [], frozenset())
    with pytest.raises(Unavailable, match="cluster theirs shares no folder with this machine; use --cluster kind"):
        in_cluster.start(cluster, Kind("none"), prepared, tmp_path / "run", "run")


def test_a_node_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under an engine without root, whose networks this machine has no way into."""
    monkeypatch.setattr(in_cluster, "REACHED_WITHIN_S", 0.1)
    (port,) = free_ports(1)
    with pytest.raises(Unavailable, match=rf"cannot reach the cluster's node at 127\.0\.0\.1:{port} .*podman as root"):
        in_cluster._await_route("127.0.0.1", port)


@pytest.fixture(scope="module")
def provider() -> Iterator[Kind]:
    started = Kind(f"kserve-conformance-stores-{os.getpid()}")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def cluster(provider: Kind) -> Cluster:
    return provider.start()


@pytest.fixture(scope="module")
def fleet(provider: Kind, cluster: Cluster) -> Iterator[Fleet]:
    servers: set[type[Server]] = {MinIO, FakeGCSServer, Azurite, HttpServer, Missing}
    provider.load([initializer_image(KSERVE, cluster.images), own_image("inspector")])
    assert cluster.shared
    started = in_cluster.start(cluster, provider, in_cluster.prepare(servers), cluster.shared / "run-test", "test")
    yield started
    started.stop()


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["s3", "gcs", "azure-blob", "http"])
def test_a_pod_downloads_from_every_store(name: str, fleet: Fleet, cluster: Cluster) -> None:
    """KServe's initializer in a pod, by the cluster's names and the clouds' own; what it asked is in the log here."""
    kind = STORES[name]
    store = kind(fleet.endpoints[kind.servers["native"].name], fleet.gateway, f"pod-{name}", fleet.folder)
    store.put(TREE)
    uri = store.uri("model/a.bin" if name == "http" else "model")
    told = download(cluster, store, uri)
    content = {entry["path"]: entry["sha256"] for entry in told["mounts"][0]["entries"] if entry["kind"] == "file"}
    assert sorted(content) == (["a.bin"] if name == "http" else ["a.bin", "sub/b.bin"])
    assert store.requests()


def download(cluster: Cluster, store: Store, uri: str) -> dict[str, Any]:
    """What the inspector tells after KServe's initializer in the same pod."""
    access = store.access()
    mounts = {**store.gateway.mounts, **access.mounts}
    shared = VolumeMount(name="models", mountPath=DEST)
    initializer = Container(
        name="storage-initializer",
        image=initializer_image(KSERVE, cluster.images).reference,
        args=[uri, DEST],
        env=[EnvVar(name=n, value=v) for n, v in {**store.gateway.environment(), **access.environment}.items()],
        volumeMounts=[
            shared,
            *(VolumeMount(name=f"file-{n}", mountPath=path, readOnly=True) for n, path in enumerate(mounts)),
        ],
    )
    files = enumerate(mounts.values())
    spec = PodSpec(
        initContainers=[initializer],
        containers=[Container(name="inspector", image=own_image("inspector").reference, volumeMounts=[shared])],
        volumes=[
            Volume(name="models", emptyDir=EmptyDirVolumeSource()),
            *(Volume(name=f"file-{n}", hostPath=HostPathVolumeSource(path=str(file))) for n, file in files),
        ],
        restartPolicy="Never",
        terminationGracePeriodSeconds=1,
    )
    client, name = cluster.client(), store.case
    client.create(Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
    try:
        for _, pod in client.watch(
            Pod, namespace="default", fields={"metadata.name": name}, server_timeout=ENDED_WITHIN_S
        ):
            assert pod.status
            assert pod.status.phase != "Failed", "\n".join(client.log(name, container="storage-initializer"))
            if pod.status.phase == "Running":
                break
        lines = client.log(name, container="inspector", follow=True, newlines=False)
        told: dict[str, Any] = json.loads(next(iter(lines)))
        return told
    finally:
        client.delete(Pod, name, namespace="default")


@pytest.mark.cluster
def test_many_workers_seed_at_once(fleet: Fleet) -> None:
    """Hundreds of connections side by side, as many workers make them; none is lost."""
    endpoint = fleet.endpoints[MinIO.name]

    def seed(number: int) -> None:
        STORES["s3"](endpoint, fleet.gateway, f"seed-{number}", fleet.folder).put({f"{n}": b"x" for n in range(20)})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(seed, range(24)))


@pytest.mark.cluster
def test_what_does_not_run_is_said(fleet: Fleet) -> None:
    """With the reason of this machine; and a worker gets the same fleet."""
    assert fleet.unavailable == {"missing": "no such program: install it"}
    assert sorted(fleet.endpoints) == ["azurite", "fake-gcs-server", "http-server", "minio"]
    assert Fleet.from_json(fleet.to_json()) == fleet


@pytest.mark.cluster
def test_another_run_is_refused(fleet: Fleet, provider: Kind, cluster: Cluster) -> None:
    """The stores of a run that lives are left alone."""
    assert cluster.shared
    prepared = in_cluster.Prepared([], {}, [], frozenset())
    with pytest.raises(Unavailable, match="another run has its stores in cluster"):
        in_cluster.start(cluster, provider, prepared, cluster.shared / "run-other", "other")
    assert fleet.folder.exists()


@pytest.mark.cluster
def test_nothing_stays(fleet: Fleet, cluster: Cluster) -> None:
    """Pod, namespace, folder and lock are gone. Last: the fleet is stopped here."""
    address = urlsplit(fleet.endpoints[MinIO.name].direct_url)
    fleet.stop()
    stores_pod.remove(cluster.client())
    assert not fleet.folder.exists()
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        socket.create_connection((address.hostname, address.port), timeout=2)
    assert cluster.shared
    with FileLock(cluster.shared / f".{stores_pod.NAMESPACE}.lock", timeout=0):
        pass
