"""The pod of the stores, its namespace, and the two Services that lead to it."""

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
#: The host name that pods of every namespace can resolve.
HOST = f"{NAME}.{NAMESPACE}.svc"
#: The folder with the suite's packages, inside the run's folder.
CODE = "code"
READY_WITHIN_S = 90.0
GONE_WITHIN_S = 60.0
#: Seconds between two polls.
_LOOK_S = 0.5
_LAST_LINES = 12


def create(client: Client, spec: PodSpec, servers: int, run: str) -> None:
    """Create all objects. `servers` is the number of node ports that lead to the pod."""
    labels = {RUN_LABEL: run, "app": NAME}

    def named(name: str) -> ObjectMeta:
        return ObjectMeta(name=name, namespace=NAMESPACE, labels=labels)

    client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE, labels=labels)))
    # Its own ServiceAccount: the namespace's default one appears only after the pod would be created.
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
    """A bare pod that never restarts, because most servers keep their data in memory.

    place   the result of `servers_folder`.
    folder  the run's folder. Its CODE has the suite's packages.
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
        # This machine's user, because it must read, write and remove the same files.
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
    """Wait until the pod has written `file`. Returns its node's address. Raises Unavailable with the last state."""
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
    """Whether `file` appears in time."""
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
    """Delete the pod and wait for its end. Request deletion of the namespace. Raises Unavailable if the pod stays."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while _end_pod(client):
        if time.monotonic() > deadline:
            raise Unavailable(f"the pod of the stores did not end within {GONE_WITHIN_S:g} s; check its node")
        time.sleep(_LOOK_S)
    _end_namespace(client)


def remove(client: Client) -> None:
    """Delete the namespace, if it exists, and wait until it is gone. Raises Unavailable if it remains."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while found := _end_namespace(client):
        if time.monotonic() > deadline:
            conditions = (found.status and found.status.conditions) or ()
            state = "; ".join(c.message for c in conditions if c.status == "True" and c.message)
            raise Unavailable(f"namespace {NAMESPACE} still exists after {GONE_WITHIN_S:g} s ({state}); delete it")
        time.sleep(_LOOK_S)


def _state(pod: Pod) -> tuple[str, bool]:
    """The state of the pod as text, and whether it is final."""
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
    """Request deletion of the pod, once. Returns the pod while it exists."""
    return _end(
        lambda: client.get(Pod, NAME, namespace=NAMESPACE), lambda: client.delete(Pod, NAME, namespace=NAMESPACE)
    )


def _end_namespace(client: Client) -> Namespace | None:
    """Request deletion of the namespace, once. Returns the namespace while it exists."""
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
