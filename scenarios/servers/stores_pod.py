"""The pod of the stores, and what leads to it: a namespace with two Services."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from lightkube import ApiError, Client
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

from clusters.base import RUN_LABEL
from clusters.images.servers import PLACE, VARIABLES
from clusters.waiting_reasons import HOPELESS
from scenarios.servers.base import Server, Unavailable
from scenarios.servers.serve import FIRST_DIRECT_PORT

_Kind = TypeVar("_Kind", Pod, Namespace)

NAMESPACE = "kserve-conformance-stores"
NAME = "stores"
#: As pods of every namespace resolve it.
HOST = f"{NAME}.{NAMESPACE}.svc"
#: The folder with the suite's packages, in a run's own.
CODE = "code"
READY_WITHIN_S = 90.0
GONE_WITHIN_S = 60.0
#: Seconds between two looks at what takes its time.
_LOOK_S = 0.5
_LAST_LINES = 12


def create(client: Client, spec: PodSpec, servers: int, run: str) -> None:
    """Create everything; `servers` is the number of ports that nodes shall lead to the pod."""
    labels = {RUN_LABEL: run, "app": NAME}

    def named(name: str) -> ObjectMeta:
        return ObjectMeta(name=name, namespace=NAMESPACE, labels=labels)

    client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE, labels=labels)))
    # An account of its own: the namespace's default one comes later than the pod would.
    client.create(ServiceAccount(metadata=named(NAME)))
    headless = ServiceSpec(clusterIP="None", selector={"app": NAME}, publishNotReadyAddresses=True)
    client.create(Service(metadata=named(NAME), spec=headless))
    if servers:
        numbers = range(FIRST_DIRECT_PORT, FIRST_DIRECT_PORT + servers)
        ports = [ServicePort(name=f"direct-{number}", port=number) for number in numbers]
        direct = ServiceSpec(type="NodePort", selector={"app": NAME}, ports=ports, publishNotReadyAddresses=True)
        client.create(Service(metadata=named(f"{NAME}-direct"), spec=direct))
    client.create(Pod(metadata=named(NAME), spec=spec))


def pod_spec(image: str, servers: Sequence[type[Server]], place: Path, folder: Path) -> PodSpec:
    """A bare pod, never restarted: most servers keep what they were given in memory.

    place   what `servers_folder` made.
    folder  the run's; the suite's packages are in its CODE.
    """
    classes = [f"{kind.__module__}:{kind.__qualname__}" for kind in servers]
    variables = {**VARIABLES, "PYTHONPATH": str(folder / CODE)}
    container = Container(
        name=NAME,
        image=image,
        command=[f"{PLACE}/bin/python"],
        args=["-m", "scenarios.servers.serve", "--host", HOST, "--folder", str(folder), *classes],
        env=[EnvVar(name=name, value=value) for name, value in variables.items()],
        volumeMounts=[
            VolumeMount(name="programs", mountPath=PLACE, readOnly=True),
            VolumeMount(name="run", mountPath=str(folder)),
        ],
        # This machine's user, who has to read, write and remove the same files.
        securityContext=SecurityContext(runAsUser=os.getuid(), runAsGroup=os.getgid()),
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    return PodSpec(
        containers=[container],
        volumes=[
            Volume(name=name, hostPath=HostPathVolumeSource(path=str(path), type="Directory"))
            for name, path in (("programs", place), ("run", folder))
        ],
        restartPolicy="Never",
        serviceAccountName=NAME,
        automountServiceAccountToken=False,
        enableServiceLinks=False,
        terminationGracePeriodSeconds=2,
    )


def await_file(client: Client, file: Path) -> str:
    """Wait until the pod has left `file`; the address of its node. Raises Unavailable with the pod's last state."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        pod = client.get(Pod, NAME, namespace=NAMESPACE)
        if appears(file, _LOOK_S):
            status = client.get(Pod, NAME, namespace=NAMESPACE).status
            return str(status.hostIP if status else "")
        state, final = _state(pod)
        if final:
            raise Unavailable(f"the stores did not start in the cluster: {state}")
        if time.monotonic() > deadline:
            raise Unavailable(f"the stores did not start in the cluster within {READY_WITHIN_S:g} s: {state}")


def appears(file: Path, within_s: float) -> bool:
    """Whether `file` comes into being in time."""
    deadline = time.monotonic() + within_s
    while not (found := file.exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def node_ports(client: Client) -> dict[int, int]:
    """Port of the pod -> port of the node."""
    specs = [service.spec for service in client.list(Service, namespace=NAMESPACE)]
    ports = [port for spec in specs if spec for port in spec.ports or ()]
    return {port.port: port.nodePort for port in ports if port.nodePort}


def stop(client: Client) -> None:
    """End the pod, wait for its end, and ask for that of the namespace. Raises Unavailable if the pod goes on."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while _end_pod(client):
        if time.monotonic() > deadline:
            raise Unavailable(f"the pod of the stores has not ended within {GONE_WITHIN_S:g} s: see its node")
        time.sleep(_LOOK_S)
    _end_namespace(client)


def remove(client: Client) -> None:
    """Remove the namespace, if it is there, and wait until it is gone. Raises Unavailable if it stays."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while found := _end_namespace(client):
        if time.monotonic() > deadline:
            conditions = (found.status and found.status.conditions) or ()
            state = "; ".join(c.message for c in conditions if c.status == "True" and c.message)
            raise Unavailable(f"namespace {NAMESPACE} is not gone within {GONE_WITHIN_S:g} s ({state}); delete it")
        time.sleep(_LOOK_S)


def _state(pod: Pod) -> tuple[str, bool]:
    """Its state in words, and whether it is final."""
    status = pod.status
    for container in (status and status.containerStatuses) or ():
        state = container.state
        if state and state.terminated:
            said = (state.terminated.message or state.terminated.reason or "").strip().splitlines()[-_LAST_LINES:]
            return "\n".join([f"its pod ended with status {state.terminated.exitCode}", *said]), True
        if state and state.waiting and state.waiting.reason in HOPELESS:
            return f"its pod waits: {state.waiting.reason}: {state.waiting.message}", True
        if state and state.running:
            return "its pod runs, but its servers are not ready", False
    reasons = [c.message for c in (status and status.conditions) or () if c.status == "False" and c.message]
    return f"its pod is {status.phase if status else 'unknown'}. {'; '.join(reasons)}", False


def _end_pod(client: Client) -> Pod | None:
    """Ask for the end of the pod, once; the pod while it is there."""
    return _end(
        lambda: client.get(Pod, NAME, namespace=NAMESPACE), lambda: client.delete(Pod, NAME, namespace=NAMESPACE)
    )


def _end_namespace(client: Client) -> Namespace | None:
    """Ask for the end of the namespace, once; the namespace while it is there."""
    return _end(lambda: client.get(Namespace, NAMESPACE), lambda: client.delete(Namespace, NAMESPACE))


def _end(get: Callable[[], _Kind], delete: Callable[[], None]) -> _Kind | None:
    try:
        found = get()
        if not (found.metadata and found.metadata.deletionTimestamp):
            delete()
    except ApiError as error:
        if error.status.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    return found
