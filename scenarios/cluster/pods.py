"""Watch pods until their outcome is known, by events and container states rather than by a fixed wait."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from lightkube import Client
from lightkube.models.core_v1 import ContainerState, ContainerStateTerminated, ContainerStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event, Pod, PodLog
from lightkube.types import on_error_retry

from clusters.waiting_reasons import HOPELESS
from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER, SERVICE_LABEL, complaint
from scenarios.cluster.waiting import wait

#: The number of retries for an API server that does not answer, and the seconds between them.
_AWAY_AT_MOST, _BETWEEN_TRIES_S = 20, 1.0
#: The message of a busy kubelet for a Secret that it has not seen yet. It retries.
_NOT_YET = "failed to sync"
#: Seconds between two reads of the events while there is no pod.
_LOOK_AT_EVENTS_S = 2.0
#: Seconds until a log must be readable. If the kubelet has removed it, the next run has to end first.
_LOG_WITHIN_S = 150.0
#: Seconds after which an empty log of a failed container counts. Before, it may belong to the next run.
_MUTE_S = 3.0
#: The kubelet's timestamp at the start of each log line.
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) ?", re.MULTILINE)
#: The kubelet's response, with status 200, for a log that it is removing.
_GONE = re.compile(r"unable to retrieve container logs for |failed to try resolving symlinks in path ")


class NeverReady(Exception):
    """The pod will not complete, however long the suite waits. The text gives the reason.

    late  the cluster gives no reason; the time limit passed.
    """

    def __init__(self, reason: str, pod: Pod | None = None, *, late: bool = False) -> None:
        super().__init__(reason)
        self.pod = pod
        self.late = late


@dataclass(frozen=True)
class Termination:
    """The first termination of a container. It ran for `seconds`, by the kubelet's clock (whole seconds)."""

    exit_code: int
    reason: str
    message: str
    seconds: float


class Pods:
    """The pods of one namespace, kept up to date by a watch in the background."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._pods: dict[str, Pod] = {}
        self._gone: set[str] = set()
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, daemon=True).start()

    def await_pod(self, service: str, *, within_s: float) -> Pod:
        """Wait for the pod of InferenceService `service`. The webhook has then processed it. Raises NeverReady."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            if pod := self._next(service, None, min(left, _LOOK_AT_EVENTS_S)):
                return pod
            if refusal := refused(self._client, self._namespace, service):
                raise NeverReady(refusal)
        raise NeverReady(f"no pod was made within {within_s:g} s", late=True)

    def await_model_server(self, service: str, *, within_s: float, initializer_s: float) -> Pod:
        """Wait until the pod's initializer has failed or its model server has started. Returns the pod.

        within_s       seconds for everything but the initializer.
        initializer_s  seconds for the initializer. After that, returns the pod as it is.

        Raises NeverReady as soon as the pod cannot make progress, at the latest after `within_s`.
        """
        deadline, runs = time.monotonic() + within_s, False
        pod: Pod | None = None
        while (left := deadline - time.monotonic()) > 0:
            pod = self._next(service, pod, left)
            if pod is None:
                continue
            if first_end(pod, INITIALIZER, failed=True) or started(pod, MODEL_SERVER):
                return pod
            if hopeless := _hopeless(pod):
                raise NeverReady(hopeless, pod)
            if running(pod, INITIALIZER) and not runs:
                deadline, runs = time.monotonic() + initializer_s, True
            elif runs and not running(pod, INITIALIZER):
                deadline, runs = time.monotonic() + within_s, False
        if pod is not None and runs:
            return pod
        raise NeverReady(f"the pod did not come to its end in time; last seen: {describe(pod)}", pod, late=True)

    def forget(self, pod: str) -> None:
        """Record that the pod is gone. Later messages of the watch about it are ignored."""
        with self._changed:
            self._gone.add(pod)
            self._pods.pop(pod, None)

    def _next(self, service: str, last: Pod | None, wait_s: float) -> Pod | None:
        """Wait up to `wait_s` seconds for a change since `last`. Returns the newest pod."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest(service) is not last, wait_s)
            return self._newest(service)

    def _newest(self, service: str) -> Pod | None:
        mine = [pod for pod in self._pods.values() if (meta(pod).labels or {}).get(SERVICE_LABEL) == service]
        return max(mine, key=lambda pod: str(meta(pod).creationTimestamp), default=None)

    def _watch(self) -> None:
        """Follow the API server until it stops answering. Then the cluster is gone and the watch ends."""
        away = 0
        while away < _AWAY_AT_MOST:
            try:
                for change, pod in self._client.watch(Pod, namespace=self._namespace, on_error=on_error_retry):
                    away = 0
                    self._take(change, pod)
            except httpx.HTTPError:
                away += 1
                time.sleep(_BETWEEN_TRIES_S)

    def _take(self, change: str, pod: Pod) -> None:
        with self._changed:
            name = str(meta(pod).name)
            if change == "DELETED" or meta(pod).deletionTimestamp or name in self._gone:
                self._pods.pop(name, None)
            else:
                self._pods[name] = pod
            self._changed.notify_all()


def meta(thing: Pod) -> ObjectMeta:
    """The metadata of an object from the API server, which always has some."""
    return thing.metadata or ObjectMeta()


def status_of(pod: Pod, container: str) -> ContainerStatus | None:
    """The status of a container or init container, by name."""
    if not pod.status:
        return None
    known = [*(pod.status.initContainerStatuses or []), *(pod.status.containerStatuses or [])]
    return next((status for status in known if status.name == container), None)


def first_end(pod: Pod, container: str, *, failed: bool = False) -> Termination | None:
    """The first recorded termination of the container. With `failed`, the first with a non-zero exit code."""
    status = status_of(pod, container)
    if status is None:
        return None
    end = _terminated(status.lastState) or _terminated(status.state)
    if end is None or (failed and end.exitCode == 0):
        return None
    ran = (end.finishedAt - end.startedAt).total_seconds() if end.finishedAt and end.startedAt else 0.0
    return Termination(end.exitCode, end.reason or "", end.message or "", ran)


def running(pod: Pod, container: str) -> bool:
    """Whether the container is running."""
    status = status_of(pod, container)
    return bool(status and status.state and status.state.running)


def started(pod: Pod, container: str) -> bool:
    """Whether the container is running or has run."""
    return running(pod, container) or first_end(pod, container) is not None


def log_of(client: Client, namespace: str, pod: str, container: str, *, ended: bool) -> str:
    """The container's log, both streams in one: of its last termination, or of its current run if not `ended`.

    The kubelet restarts a failed init container at once and removes the previous log, sometimes before the API server
    has learned of the failure. Then this function waits for the end of the next run, which has the same arguments.
    The log is empty if the pod has no such container. Raises Unsettled.
    """

    began = time.monotonic()

    def look() -> str | None:
        before = status_of(client.get(Pod, pod, namespace=namespace), container)
        if before is None:
            return ""
        now, last = _terminated(before.state), _terminated(before.lastState)
        end = now or last
        if ended and end is None:
            return None
        previous = now is None and last is not None
        log = _log(client, namespace, pod, container, previous=previous)
        if log is None:
            return None
        if not log and end and end.exitCode and time.monotonic() - began < _MUTE_S:
            return None
        if log and end and end.finishedAt and _began(log) >= end.finishedAt + timedelta(seconds=1):
            return None  # the log of the next run; `finishedAt` has whole seconds
        after = status_of(client.get(Pod, pod, namespace=namespace), container)
        return _STAMP.sub("", log) if after and after.restartCount == before.restartCount else None

    return wait(look, f"the log of {container} in pod {pod}", seconds=_LOG_WITHIN_S)


def _began(log: str) -> datetime:
    """The timestamp of the first line of a log."""
    return datetime.fromisoformat(log.partition(" ")[0].strip())


def _log(client: Client, namespace: str, pod: str, container: str, *, previous: bool) -> str | None:
    """One of the two logs that the kubelet keeps, with a timestamp on each line; None if it is not available."""
    inner = client._client  # noqa: SLF001 -- lightkube's own `log` cannot ask for the previous container
    options = {"container": container, "previous": previous, "timestamps": True}
    asked = inner.prepare_request("get", PodLog, name=pod, namespace=namespace, params=options)
    answer = inner.send(inner.build_adapter_request(asked))
    return str(answer.text) if answer.status_code == 200 and not _GONE.match(answer.text) else None


def refused(client: Client, namespace: str, service: str) -> str | None:
    """Why no pod was created for an InferenceService, from the events of its owner; None if no event gives a reason."""
    for event in client.list(Event, namespace=namespace):
        about = event.involvedObject.name or ""
        if event.reason == "FailedCreate" and about.startswith(f"{service}-predictor"):
            return f"no pod is made: {event.message}"
        if about == service and (said := complaint(event)):
            return f"the cluster refused the InferenceService: {said}"
    return None


def events(client: Client, namespace: str, pod: str) -> list[str]:
    """The events of a pod, one line each."""
    found = client.list(Event, namespace=namespace, fields={"involvedObject.name": pod})
    return [f"{event.type} {event.reason}: {event.message}" for event in found]


def describe(pod: Pod | None) -> str:
    """The state of a pod in one line."""
    if pod is None or pod.status is None:
        return "no pod"
    known = [*(pod.status.initContainerStatuses or []), *(pod.status.containerStatuses or [])]
    parts = [f"{status.name} {_state(status.state)}" for status in known]
    parts += [f"{c.reason}: {c.message}" for c in pod.status.conditions or [] if c.reason == "Unschedulable"]
    return f"{pod.status.phase}; {', '.join(parts) or 'no container yet'}"


def _hopeless(pod: Pod) -> str | None:
    known = [*((pod.status and pod.status.initContainerStatuses) or [])]
    known += [*((pod.status and pod.status.containerStatuses) or [])]
    for status in known:
        waiting = status.state.waiting if status.state else None
        if waiting and waiting.reason in HOPELESS and _NOT_YET not in (waiting.message or ""):
            return f"{status.name} waits: {waiting.reason}: {waiting.message}"
    return None


def _terminated(state: ContainerState | None) -> ContainerStateTerminated | None:
    return state.terminated if state else None


def _state(state: ContainerState | None) -> str:
    if state and state.waiting:
        return f"waits ({state.waiting.reason})"
    if state and state.terminated:
        return f"ended with {state.terminated.exitCode} ({state.terminated.reason})"
    return "runs" if state and state.running else "unknown"
