"""The pod route: KServe's webhook injects the initializer into an InferenceService's pod, and the kubelet runs it.

A `Call` becomes an InferenceService with the objects that a user would create: a Secret in a ServiceAccount, and a
ClusterStorageContainer that matches only the call's URI. The inspector runs in place of the model server and reports
the files at the destinations.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml
from lightkube import Client
from lightkube.resources.core_v1 import Pod
from packaging.version import Version

from clusters.base import RUN_LABEL, Cluster
from scenarios.cluster import kubernetes
from scenarios.cluster.inspection import Inspection
from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER, Object
from scenarios.cluster.namespaces import open_namespace
from scenarios.cluster.pods import NeverReady, Pods, Termination, events, first_end, log_of, meta
from scenarios.cluster.transcript import without_values
from scenarios.initializers.base import DEST, Call, CallResult, Entry, Initializer
from scenarios.initializers.delivery import delivery
from scenarios.initializers.sought import found_in
from scenarios.locks import SharedLock
from scenarios.stores import STORES
from scenarios.stores.delivery import Delivery

RUNTIME = "conformance-inspector"
#: Seconds that a pod needs on a busy node beside its initializer: scheduling, the sandbox, two containers.
POD_WITHIN_S = 90.0
#: The factor for the initializer's time limit in a pod, because it shares the node with the cluster and other pods.
SHARE = 2
RESOURCES = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
#: The release that added `storageUris` (#4702). Only this field allows destinations other than /mnt/models.
_SEVERAL = Version("0.16")
#: The release that added `storageContainerName`. Before it, KServe may choose any that matches the URI.
_BY_NAME = Version("0.20")
_PLACELESS = tuple(store.placeless for store in STORES.values() if store.placeless)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class PodSettings:
    """The cluster in which initializers are injected.

    release    the KServe release on `cluster`.
    inspector  the inspector's image.
    greeter    the image of a custom initializer, for its own scheme.
    modelcar   the image with a model in it; "" if it could not be built.
    run_id     the value of RUN_LABEL on all objects that are created here.
    lock       held shared until the webhook has processed a pod. A test that changes KServe's settings holds it alone.
    """

    cluster: Cluster
    release: str
    inspector: str
    greeter: str
    modelcar: str
    run_id: str
    lock: SharedLock

    def runtime(self) -> Object:
        """The inspector as a ServingRuntime."""
        container = {"name": MODEL_SERVER, "image": self.inspector, "imagePullPolicy": "IfNotPresent"}
        return kubernetes.serving_runtime(RUNTIME, containers=[container])


class Injected(Initializer):
    """The image `image` of the initializer `subject`, run by KServe."""

    route = "pod"
    isolation = "cluster"

    def __init__(self, subject: Initializer, image: str, place: PodSettings) -> None:
        self.spec, self.name, self.version, self.digest = subject.spec, subject.name, subject.version, subject.digest
        self.notes = subject.notes
        self.environment, self.resources = dict(subject.environment), dict(subject.resources)
        self.image, self.place = image, place
        self._left: list[Object] = []

    def __getstate__(self) -> dict[str, Any]:
        """Omit the state that belongs to this process."""
        return {name: value for name, value in self.__dict__.items() if name not in {"_pods", "_namespace"}}

    def prepare(self) -> None:
        """Do nothing: the cluster loads the images."""

    def unsupported(self, call: Call) -> str:
        conditions, release = call.conditions, self.place.release
        if call.arguments is not None or call.present or conditions.terminate_when or not call.pairs:
            return "in a pod, KServe itself calls the initializer, and always on an empty volume"
        if conditions.space is not None:
            return "size-limited destinations are not supported on the pod route"
        if conditions.offline:
            return "pods without a network are not supported on the pod route"
        if not _plain(call) and Version(release) < _SEVERAL:
            return f"KServe {release} supports only one URI, and only the destination {DEST}"
        if call.pairs[0][0].startswith(_PLACELESS) and not self._by_name:
            return f"KServe {release} cannot separate the storage containers of two cases"
        return ""

    def run(self, call: Call) -> CallResult:
        """Run one InferenceService, from its creation to the inspection of its pod.

        Raises NeverReady if its pod cannot run.
        """
        name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{next(_numbers)}"
        objects = list(self._objects(name, call))
        began = time.monotonic()
        try:
            with self.place.lock.shared():
                for one in objects:
                    kubernetes.client_create(self._client, one)
                self._pods.await_pod(name, within_s=POD_WITHIN_S)
            pod = self._pods.await_model_server(name, within_s=POD_WITHIN_S, initializer_s=SHARE * call.timeout_s)
            return self._outcome(pod, call, objects, began)
        except NeverReady as reason:
            raise NeverReady(self._diagnosis(name, reason), reason.pod) from reason
        finally:
            self._left += objects

    def made(self) -> int:
        return len(self._left)

    def clean_up(self, *, keep: bool, since: int = 0) -> None:
        """Request the deletion of a finished case's objects in the background."""
        for one in reversed([] if keep else self._left[since:]):
            kubernetes.client_delete(self._client, one)
        del self._left[since:]

    def _objects(self, name: str, call: Call) -> Iterator[Object]:
        """The objects that a user creates for this call, in order."""
        ways = delivery(call.environment, call.mounts, self.place.release)
        if ways.secret:
            yield self._here(kubernetes.secret(name, ways.secret, ways.annotations))
            yield self._here(kubernetes.service_account(name, [name]))
        container = self._storage_container(f"conformance-{self.place.run_id}-{name}", call, ways)
        container["metadata"]["labels"] = {RUN_LABEL: self.place.run_id}
        yield container
        chosen = {"storageContainerName": container["metadata"]["name"]} if self._by_name else {}
        yield self._here(self._service(name, call, ways, chosen))

    def _here(self, manifest: Object) -> Object:
        """The object in this process's namespace, with the run's label."""
        place = {"namespace": self._namespace, "labels": {RUN_LABEL: self.place.run_id}}
        return {**manifest, "metadata": {**manifest["metadata"], **place}}

    def _storage_container(self, name: str, call: Call, ways: Delivery) -> Object:
        """A ClusterStorageContainer that matches only this call's first URI (field report S5.11)."""
        container = {
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": name, "value": value} for name, value in ways.environment.items()],
            "volumeMounts": [
                {"name": f"file-{n}", "mountPath": path, "readOnly": True} for n, path in enumerate(ways.files)
            ],
            "resources": self.resources or RESOURCES,
        }
        several = {} if _plain(call) else {"supportsMultiModelDownload": True}
        formats = [{"regex": f"^{re.escape(call.pairs[0][0])}$"}]
        return kubernetes.storage_container(name, formats, container, **several)

    def _service(self, name: str, call: Call, ways: Delivery, chosen: Object) -> Object:
        model: Object = {"args": [dest for _, dest in call.pairs]}
        files = enumerate(ways.files.values())
        predictor: Object = {
            **chosen,
            "volumes": [{"name": f"file-{n}", "hostPath": {"path": str(file.resolve())}} for n, file in files],
        }
        if _plain(call):
            model["storageUri"] = call.pairs[0][0]
        else:
            predictor["storageUris"] = [{"uri": uri, "mountPath": dest} for uri, dest in call.pairs]
        if ways.secret:
            predictor["serviceAccountName"] = name
        return kubernetes.running_service(name, RUNTIME, model, predictor)

    def _outcome(self, pod: Pod, call: Call, objects: Sequence[Object], began: float) -> CallResult:
        client, name = self._client, str(meta(pod).name)
        end = first_end(pod, INITIALIZER)
        failed = end is not None and end.exit_code != 0
        trees: Mapping[str, Mapping[str, Entry]] = {}
        if end is not None and not failed:
            trees = Inspection.of(client, self._namespace, name, MODEL_SERVER).trees
        printed = log_of(client, self._namespace, name, INITIALIZER, ended=end is not None)
        manifests = yaml.safe_dump_all([without_values(one) for one in objects], sort_keys=False)
        return CallResult(
            ended="timeout" if end is None else "exit",
            exit_code=_exit_code(end),
            stdout=printed,
            stderr="",
            trees=trees,
            unexpected_writes=(),
            leftover_processes=(),
            duration_s=time.monotonic() - began,
            cpu_s=0.0,
            peak_memory=0,
            reproduce=f"kubectl apply -f - <<'EOF'\n{manifests}EOF",
            found=found_in(call.sought, printed),
        )

    def _diagnosis(self, name: str, reason: NeverReady) -> str:
        lines = [f"InferenceService {name}: {reason}"]
        if reason.pod is not None:
            lines += events(self._client, self._namespace, str(meta(reason.pod).name))
        return "\n".join(lines)

    @property
    def _client(self) -> Client:
        return self.place.cluster.client()

    @cached_property
    def _namespace(self) -> str:
        """This process's namespace, with the inspector as a runtime. The first call creates it."""
        labels = {RUN_LABEL: self.place.run_id}
        name = f"conformance-{self.place.run_id}-pods-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        open_namespace(self.place.cluster, name, labels)
        runtime = self.place.runtime()
        runtime["metadata"] |= {"namespace": name, "labels": labels}
        kubernetes.client_create(self._client, runtime)
        return name

    @property
    def _by_name(self) -> bool:
        """Whether a service can select its storage container by name."""
        return Version(self.place.release) >= _BY_NAME

    @cached_property
    def _pods(self) -> Pods:
        return Pods(self._client, self._namespace)


def _plain(call: Call) -> bool:
    """Whether `storageUri` can express the call. If not, it needs `storageUris`."""
    return len(call.pairs) == 1 and call.pairs[0][1].rstrip("/") == DEST


def _exit_code(end: Termination | None) -> int:
    """The exit code as of a process: negative for a signal."""
    if end is None:
        return -1
    return 128 - end.exit_code if 128 < end.exit_code < 160 else end.exit_code
