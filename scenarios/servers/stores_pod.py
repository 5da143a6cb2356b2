"""The pod of the stores, and what leads to it: a namespace with two Services."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

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
from scenarios.servers.base import Server, Unavailable
from scenarios.servers.serve import FIRST_DIRECT_PORT

NAMESPACE = "kserve-conformance-stores"
NAME = "stores"
#: As pods of every namespace resolve it.
HOST = f"{NAME}.{NAMESPACE}.svc"
#: The folder with the suite's packages, in a run's own.
CODE = "code"
READY_WITHIN_S = 90.0
GONE_WITHIN_S = 60.0
_LAST_LINES = 12
#: Why a container waits, where waiting longer does not help.
_HOPELESS = ("Err", "ImagePull", "Invalid", "CreateContainer", "RunContainer")


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
        if file.exists():
            return str(pod.status.hostIP if pod.status else "")
        state, final = _state(pod)
        if final:
            raise Unavailable(f"the stores did not start in the cluster: {state}")
        if time.monotonic() > deadline:
            raise Unavailable(f"the stores did not start in the cluster within {READY_WITHIN_S:g} s: {state}")
        time.sleep(0.1)


def node_ports(client: Client) -> dict[int, int]:
    """Port of the pod -> port of the node."""
    specs = [service.spec for service in client.list(Service, namespace=NAMESPACE)]
    ports = [port for spec in specs if spec for port in spec.ports or ()]
    return {port.port: port.nodePort for port in ports if port.nodePort}


def remove(client: Client) -> None:
    """Remove the namespace, if it is there, and wait until it is gone. Raises Unavailable if it stays."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while (state := _delete(client)) is not None:
        if time.monotonic() > deadline:
            raise Unavailable(f"namespace {NAMESPACE} is not gone within {GONE_WITHIN_S:g} s: {state}; delete it")
        time.sleep(0.1)


def _state(pod: Pod) -> tuple[str, bool]:
    """Its state in words, and whether it is final."""
    status = pod.status
    for container in (status and status.containerStatuses) or ():
        state = container.state
        if state and state.terminated:
            said = (state.terminated.message or state.terminated.reason or "").strip().splitlines()[-_LAST_LINES:]
            return "\n".join([f"its pod ended with status {state.terminated.exitCode}", *said]), True
        if state and state.waiting and (state.waiting.reason or "").startswith(_HOPELESS):
            return f"its pod waits: {state.waiting.reason}: {state.waiting.message}", True
        if state and state.running:
            return "its pod runs, but its servers are not ready", False
    reasons = [c.message for c in (status and status.conditions) or () if c.status == "False" and c.message]
    return f"its pod is {status.phase if status else 'unknown'}. {'; '.join(reasons)}", False


def _delete(client: Client) -> str | None:
    """Ask for the end of the namespace; what keeps it, None once it is gone."""
    try:
        namespace = client.get(Namespace, NAMESPACE)
        if namespace.metadata and not namespace.metadata.deletionTimestamp:
            client.delete(Namespace, NAMESPACE)
    except ApiError as error:
        if error.status.code == 404:
            return None
        raise
    conditions = (namespace.status and namespace.status.conditions) or ()
    return "; ".join(c.message for c in conditions if c.status == "True" and c.message) or "its end was asked for"
