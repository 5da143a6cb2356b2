"""Run an InferenceService: its pods, their initializer, and the view of the inspector in the model server's place."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from scenarios.cluster import kubernetes
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.inspection import Inspection
from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER, SERVICE_LABEL, Object
from scenarios.cluster.pods import (
    NeverReady,
    Pods,
    Termination,
    events,
    first_end,
    log_of,
    meta,
    running,
    started,
)
from scenarios.cluster.waiting import wait
from scenarios.initializers.delivery import delivery
from scenarios.initializers.injected import POD_WITHIN_S, RESOURCES, RUNTIME, Injected
from scenarios.reasons import NotOffered
from scenarios.stores.base import Access

GONE_WITHIN_S = 30.0


@dataclass(frozen=True)
class Served:
    """The outcome of a pod.

    initializer  its termination; None if it never ran.
    inspection   the inspector's view in the model server container; None if that never started.
    stuck        why the pod will never be ready; "" if its model server started or its initializer ended.
    late         True if the cluster gives no reason and only the time limit passed.
    log          the log of the initializer.
    """

    service: str
    namespace: str
    pod: Pod | None
    initializer: Termination | None = None
    inspection: Inspection | None = None
    stuck: str = ""
    late: bool = False
    log: str = ""

    @property
    def image(self) -> str:
        """The image of the initializer."""
        spec = self.pod.spec if self.pod else None
        return next((one.image or "" for one in (spec and spec.initContainers) or () if one.name == INITIALIZER), "")

    @property
    def injected(self) -> bool:
        """Whether the webhook injected the initializer."""
        return bool(self.image)


class InferenceServices:
    """The InferenceServices that one test runs on the cluster. Its AdmissionClient removes them."""

    def __init__(self, api: AdmissionClient, injected: Injected, folder: Path) -> None:
        self.api = api
        self.image = injected.image
        self.greeter = injected.place.greeter
        self.inspector = injected.place.inspector
        self._place = injected.place
        self._folder = folder
        self._watched: dict[str, Pods] = {}
        self._numbers = itertools.count(1)

    def runtime(self, namespace: str) -> None:
        """Install the inspector as a ServingRuntime in a namespace."""
        try:
            self.api.create(self._place.runtime(), namespace=namespace)
        except ApiError as error:
            if error.status.code != 409:
                raise

    @property
    def modelcar(self) -> str:
        """A modelcar image that contains `scenarios.content.models.MODEL`. Raises NotOffered."""
        if not self._place.modelcar:
            raise NotOffered("the suite must build the image with the model; run with --images assembled")
        return self._place.modelcar

    def claim(self, tree: Mapping[str, bytes]) -> str:
        """Create a ReadWriteMany PersistentVolumeClaim with `tree` in it. Returns its name."""
        name = self.api.name("claim")
        folder = self._folder / name
        folder.mkdir(parents=True)
        for path, content in tree.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for one in (folder, *folder.rglob("*")):
            one.chmod(0o777 if one.is_dir() else 0o666)
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        self.api.create(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": name},
                "spec": {
                    **common,
                    "capacity": {"storage": "1Gi"},
                    "hostPath": {"path": str(folder)},
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"name": name, "namespace": self.api.ordinary},
                },
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name},
                "spec": {**common, "volumeName": name, "resources": {"requests": {"storage": "1Gi"}}},
            },
        )
        return name

    def content(self, claim: str) -> dict[str, bytes]:
        """The current files of a claim: path in it -> content."""
        folder = self._folder / claim
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def storage_container(self, uri: str, *, image: str | None = None, **container: object) -> str:
        """Create a ClusterStorageContainer for only this URI, with the initializer under test. Returns its name."""
        name = self.api.name("container")
        wanted = {"image": image or self.image, "imagePullPolicy": "IfNotPresent", **container}
        self.api.create(kubernetes.storage_container(name, [{"prefix": uri}], wanted))
        return name

    def job_container(self, uri: str, access: Access) -> str:
        """Create a ClusterStorageContainer that downloads only this URI into model caches. Returns its name.

        It has the initializer under test, and the credentials as variables: jobs of releases before 0.18 get no others.
        """
        name = self.api.name("container")
        environment = [{"name": key, "value": value} for key, value in access.environment.items()]
        container = {"image": self.image, "imagePullPolicy": "IfNotPresent", "env": environment, "resources": RESOURCES}
        formats = [{"prefix": uri}]
        self.api.create(kubernetes.storage_container(name, formats, container, workloadType="localModelDownloadJob"))
        return name

    def end(self, served: Served) -> None:
        """Delete a service and wait until its pod is gone."""
        client = self.api.client
        client.delete(kubernetes.INFERENCE_SERVICE, served.service, namespace=served.namespace)
        pod = str(meta(served.pod).name) if served.pod else ""
        self.api.until(lambda: not _exists(self.api, served.namespace, pod), GONE_WITHIN_S)

    def change_image(self, storage_container: str, image: str) -> None:
        """Change the image of a ClusterStorageContainer of this test, and wait until KServe uses it."""
        change = {"spec": {"container": {"image": image}}}
        self.api.client.patch(kubernetes.STORAGE_CONTAINER, storage_container, change, patch_type=PatchType.MERGE)
        self.api.settle_storage_containers()

    def admit(self, access: Access, namespace: str | None = None) -> Object:
        """Create a Secret with the credentials and a ServiceAccount that lists it. Returns fields for a predictor."""
        ways, name = delivery(access.environment, access.mounts, self._place.release), self.api.name("account")
        self.api.create(
            kubernetes.secret(name, ways.secret, ways.annotations),
            kubernetes.service_account(name, [name]),
            namespace=namespace,
        )
        return {"serviceAccountName": name}

    def pull_secret(self, login: str) -> Object:
        """Create the Secret with which a node logs in to a registry. Returns fields for a predictor."""
        name = self.api.name("pull")
        kind = {"type": "kubernetes.io/dockerconfigjson"}
        self.api.create({**kubernetes.secret(name, {".dockerconfigjson": login}), **kind})
        return {"imagePullSecrets": [{"name": name}]}

    def pause(self, time: str) -> Object:
        """Fields of a predictor that add an init container before the initializer. It takes `time`, such as 15s."""
        container = {"name": "pause", "image": self._place.inspector, "args": [f"--pause={time}"]}
        return {"initContainers": [{**container, "imagePullPolicy": "IfNotPresent"}]}

    def storage_secret(self, key: str, config: Mapping[str, str]) -> None:
        """Create the Secret for `storage.key`, under KServe's default name."""
        self.api.create(kubernetes.secret("storage-config", {key: json.dumps(config)}))

    def serve(
        self,
        uri: str | None = None,
        *,
        namespace: str | None = None,
        annotations: Mapping[str, str] | None = None,
        model: Mapping[str, object] | None = None,
        predictor: Mapping[str, object] | None = None,
        look_at: Sequence[str] = ("/mnt/models",),
        write: Mapping[str, str] | None = None,
        initializer_s: float = 60.0,
    ) -> Served:
        """Run an InferenceService until its model server has started or can no longer start.

        write  file name -> content. The model server tries to write these files below every mount that it inspects.
        """
        where = namespace or self.api.ordinary
        self.runtime(where)
        name = self.api.name(f"service{next(self._numbers)}")
        arguments = [*(f"--write={file}={content}" for file, content in (write or {}).items()), *look_at]
        source = {"storageUri": uri} if uri is not None else {}
        described = {"args": arguments, **source, **(model or {})}
        service = kubernetes.running_service(name, RUNTIME, described, predictor or {}, annotations)
        self.api.create(service, namespace=where)
        served = self.outcome(name, where, initializer_s=initializer_s)
        self.api.status(name, where)  # for its deployment mode
        return served

    def outcome(self, service: str, namespace: str, *, initializer_s: float = 60.0) -> Served:
        """The outcome of a service's newest pod."""
        client = self.api.client
        pods = self._watched.setdefault(namespace, Pods(client, namespace))
        try:
            pods.await_pod(service, within_s=POD_WITHIN_S)
            pod = pods.await_model_server(service, within_s=POD_WITHIN_S, initializer_s=initializer_s)
        except NeverReady as reason:
            self._remember(reason.pod, str(reason))
            return Served(service, namespace, reason.pod, stuck=str(reason), late=reason.late)
        name, end = str(meta(pod).name), first_end(pod, INITIALIZER)
        inspection = Inspection.of(client, namespace, name, MODEL_SERVER) if started(pod, MODEL_SERVER) else None
        log = log_of(client, namespace, name, INITIALIZER, ended=end is not None)
        self._remember(pod, log)
        return Served(service, namespace, pod, end, inspection, log=log)

    def status(self, served: Served) -> Mapping[str, Any]:
        """The current status of the InferenceService."""
        found = self.api.client.get(kubernetes.INFERENCE_SERVICE, served.service, namespace=served.namespace)
        return cast("Mapping[str, Any]", found.get("status") or {})

    def reported_failure(self, served: Served) -> str:
        """The failure of the model load as the InferenceService's status reports it; "" for none."""
        told = self.status(served).get("modelStatus") or {}
        failed = told.get("transitionStatus") in {"BlockedByFailedLoad", "InvalidSpec"}
        return json.dumps(told) if failed or told.get("lastFailureInfo") else ""

    def reread(self, served: Served) -> Served:
        """Inspect the same pod again."""
        name = str(meta(served.pod).name) if served.pod else ""
        pod = self.api.client.get(Pod, name, namespace=served.namespace)
        return replace(served, pod=pod, initializer=first_end(pod, INITIALIZER))

    def replace_pod(self, served: Served) -> Served:
        """Delete the pod. Returns the outcome of its replacement."""
        self.end_pod(served)
        return self.outcome(served.service, served.namespace)

    def end_pod(self, served: Served) -> None:
        """Delete the pod and wait until it is gone."""
        client, name = self.api.client, str(meta(served.pod).name) if served.pod else ""
        client.delete(Pod, name, namespace=served.namespace, grace_period=0)
        self.api.until(lambda: not _exists(self.api, served.namespace, name), GONE_WITHIN_S)
        self._watched[served.namespace].forget(name)

    def scale(self, served: Served, replicas: int) -> list[Inspection]:
        """Scale the service's Deployment to `replicas` pods. Returns the inspection of each."""
        client = self.api.client
        change = {"spec": {"replicas": replicas}}
        client.patch(Deployment, f"{served.service}-predictor", change, namespace=served.namespace)

        def all_started() -> list[Pod] | None:
            pods = list(client.list(Pod, namespace=served.namespace, labels={SERVICE_LABEL: served.service}))
            up = [pod for pod in pods if running(pod, MODEL_SERVER)]
            return up if len(up) >= replicas else None

        pods = wait(all_started, f"{replicas} pods of {served.service}", seconds=POD_WITHIN_S)
        return [Inspection.of(client, served.namespace, str(meta(pod).name), MODEL_SERVER) for pod in pods]

    def _remember(self, pod: Pod | None, said: str) -> None:
        client = self.api.client
        if pod is not None:
            lines = events(client, str(meta(pod).namespace), str(meta(pod).name))
            self.api.transcript.append(("events of the pod", "\n".join(lines)))
        self.api.transcript.append(("outcome", said))


def _exists(api: AdmissionClient, namespace: str, name: str) -> bool:
    try:
        api.client.get(Pod, name, namespace=namespace)
    except ApiError as error:
        if error.status.code == 404:
            return False
        raise
    return True
