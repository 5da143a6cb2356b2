"""The local model cache of a cluster: caches, their download jobs, their status, and what a deleted cache leaves."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from lightkube import ApiError
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Event, Node, PersistentVolume, PersistentVolumeClaim, Pod
from lightkube.types import PatchType
from packaging.version import Version

from clusters.base import RUN_LABEL
from clusters.kserve.model_cache import JOBS
from clusters.sweep import abandon
from scenarios.cluster import kubernetes
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.kubernetes import MODEL_CACHE, MODEL_NODE, MODEL_NODE_GROUP, Object, client_create
from scenarios.cluster.pods import describe, meta
from scenarios.cluster.transcript import in_yaml
from scenarios.cluster.waiting import wait

#: The node group of all nodes, which the caches of a run share.
NODE_GROUP = "conformance"
#: Seconds until a download job exists: from the cache over the controller to the agent of the node.
JOB_S = 30.0
#: Seconds until a download has ended: the job's pod, and the initializer in it.
DOWNLOADED_S = 90.0
#: Seconds until nothing is left of a deleted cache.
GONE_S = 20.0
#: Seconds until the suite removes a cache that KServe's controller does not let go.
_LET_GO_S = 10.0
#: The states of a node that no longer change by themselves.
ENDS = ("NodeDownloaded", "NodeDownloadError")
_STORAGE_CLASS = "conformance-model-cache"


class ModelCaches:
    """The model caches that one test creates. `leave` removes them."""

    def __init__(self, api: AdmissionClient, release: str, folder: Path) -> None:
        """`folder` is the agents' folder of models, as this machine sees it."""
        self.api = api
        self._release = Version(release)
        self._folder = folder
        self._made: list[str] = []
        try:
            client_create(api.client, self.group(NODE_GROUP, "Exists"))
        except ApiError as error:
            if error.status.code != 409:  # another process of the run has created it
                raise

    def group(self, name: str, operator: str) -> Object:
        """A LocalModelNodeGroup of the nodes that have a hostname, or, with `DoesNotExist`, of none."""
        common = {"accessModes": ["ReadWriteOnce"], "storageClassName": _STORAGE_CLASS, "volumeMode": "Filesystem"}
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": operator}]}
        volume = {
            **common,
            "capacity": {"storage": "1Gi"},
            "local": {"path": str(self._folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        }
        return kubernetes.model_node_group(
            name,
            {RUN_LABEL: self.api.run},
            storageLimit="1Gi",
            persistentVolumeSpec=volume,
            persistentVolumeClaimSpec={**common, "resources": {"requests": {"storage": "1Gi"}}},
        )

    def cache(self, uri: str, groups: Sequence[str] = (NODE_GROUP,), **spec: object) -> str:
        """Create a LocalModelCache. Returns its name. Raises ApiError if the API server refuses it."""
        name = self.api.name(f"cache{len(self._made)}")
        self.api.create(kubernetes.model_cache(name, uri, groups, **spec))
        self._made.append(name)
        return name

    def own_group(self) -> str:
        """Create a LocalModelNodeGroup for this test alone, which has no node. Returns its name."""
        name = self.api.name("group")
        self.api.create(self.group(name, "DoesNotExist"))
        return name

    def delete_group(self, group: str) -> None:
        """Delete a node group and wait until it is gone."""
        self.api.client.delete(MODEL_NODE_GROUP, group)
        self.api.until(lambda: not kubernetes.exists(self.api.client, MODEL_NODE_GROUP, group))

    def nodes(self) -> set[str]:
        """The names of the cluster's nodes."""
        return {str(one.metadata.name) for one in self.api.client.list(Node) if one.metadata}

    def use(self, cache: str, service: Object) -> None:
        """Create an InferenceService of a cached model, and wait until the cache's status lists it."""
        self.api.create(service)
        name = service["metadata"]["name"]
        self.api.until(lambda: name in json.dumps(self.status(cache).get("inferenceServices") or []))

    def await_claim(self, cache: str) -> None:
        """Wait until the controller has created a claim for a cache. Before that, it adds its finalizer."""
        self.api.until(lambda: any(one.startswith("PersistentVolumeClaim") for one in self._left(cache, "", ())))

    def change(self, cache: str, **spec: object) -> str:
        """Change the spec of a cache. Returns the API server's refusal; "" if it accepts."""
        try:
            self.api.client.patch(MODEL_CACHE, cache, {"spec": spec}, patch_type=PatchType.MERGE)
        except ApiError as refusal:
            return refusal.status.message or str(refusal)
        return ""

    def delete_when_unused(self, cache: str) -> str:
        """Delete a cache. Its controller may take a moment to see that no service uses it. Returns the last refusal."""
        self.api.until(lambda: not self.delete(cache))
        return self.delete(cache)

    def why(self, cache: str) -> str:
        """The log of the newest download of a cache; "" if there is none."""
        client = self.api.client
        for pod in client.list(Pod, namespace=JOBS):
            name = str(meta(pod).name)
            if name.startswith(f"{cache}-"):
                with contextlib.suppress(ApiError):
                    return f"{describe(pod)}\n" + "\n".join(client.log(name, namespace=JOBS, newlines=False))
        return ""

    def folder_of(self, name: str, uri: str) -> str:
        """The folder of a cached model, relative to the agents' folder."""
        by_name = self._release < Version("0.18")
        return f"models/{name if by_name else hashlib.sha256(uri.encode()).hexdigest()[:16]}"

    def job(self, cache: str) -> Object:
        """Wait for the download job of a cache. Raises Unsettled."""
        found = wait(lambda: self._jobs(cache) or None, f"a download job of {cache}", seconds=JOB_S)
        self.api.transcript.append(("download job", in_yaml(found[0]["spec"]["template"])))
        return found[0]

    def status(self, cache: str) -> Mapping[str, Any]:
        """The current status of a cache."""
        return cast("Mapping[str, Any]", self.api.client.get(MODEL_CACHE, cache).get("status") or {})

    def states(self, cache: str, until: Collection[str] = ENDS, seconds: float = DOWNLOADED_S) -> dict[str, str]:
        """Wait until the cache's state on each node is one of `until`. Returns node -> state, as it is at last."""

        def ended() -> bool:
            states = self._states(cache)
            return bool(states) and all(state in until for state in states.values())

        self.api.until(ended, seconds)
        found = self._states(cache)
        self.api.transcript.append(("status of the cache", json.dumps(self.status(cache), indent=2)))
        return found

    def told(self, cache: str) -> str:
        """All that the cluster tells its users about a cache: its status, and the events of it and its nodes."""
        client = self.api.client
        events = [event.message or "" for event in client.list(Event, fields={"involvedObject.name": cache})]
        nodes = [json.dumps(one.get("status") or {}) for one in client.list(MODEL_NODE)]
        return "\n".join([json.dumps(self.status(cache)), *events, *nodes])

    def delete(self, cache: str) -> str:
        """Request the deletion of a cache. Returns the API server's refusal; "" if it accepts."""
        try:
            self.api.client.delete(MODEL_CACHE, cache)
        except ApiError as refusal:
            if refusal.status.code == 404:
                return ""
            self.api.transcript.append((f"the deletion of {cache} is refused", refusal.status.message or ""))
            return refusal.status.message or str(refusal)
        return ""

    def left(self, cache: str, uri: str, namespaces: Collection[str] = ()) -> list[str]:
        """Wait until nothing is left of a deleted cache. Returns what is left at last, one object or folder each.

        namespaces  those of the services that used it.
        """
        self.api.until(lambda: not list(self._left(cache, uri, namespaces)), GONE_S)
        found = list(self._left(cache, uri, namespaces))
        self.api.transcript.append((f"left of {cache}", "\n".join(found) or "nothing"))
        return found

    def _left(self, cache: str, uri: str, namespaces: Collection[str]) -> Iterator[str]:
        client = self.api.client
        if self._exists(cache):
            yield f"LocalModelCache {cache}"
        if (self._folder / self.folder_of(cache, uri)).exists():
            yield f"folder {self.folder_of(cache, uri)}"
        for job in self._jobs(cache):
            yield f"Job {job['metadata']['name']}"
        for node in client.list(MODEL_NODE):
            entries = (node.get("spec") or {}).get("localModels") or []
            if any(one["modelName"] == cache for one in entries):
                yield f"entry in LocalModelNode {node['metadata']['name']}"
        for claim in client.list(PersistentVolumeClaim, namespace="*"):
            if _of(claim, cache) and _meta(claim).namespace in {JOBS, *namespaces}:
                yield f"PersistentVolumeClaim {_meta(claim).namespace}/{_meta(claim).name}"
        for volume in client.list(PersistentVolume):
            if _of(volume, cache):
                yield f"PersistentVolume {_meta(volume).name}"

    def leave(self) -> None:
        """Delete the caches of the test, also those that KServe's controller does not let go."""
        for cache in self._made:
            self._leave(cache)

    def _leave(self, cache: str) -> None:
        client = self.api.client
        for service in self._services(cache):
            where = service["metadata"]
            with contextlib.suppress(ApiError):  # it may be gone by now
                client.delete(kubernetes.INFERENCE_SERVICE, where["name"], namespace=where["namespace"])
        self.api.until(lambda: not self._services(cache), GONE_S)
        if not self.api.until(lambda: not self.delete(cache) and not self._exists(cache), _LET_GO_S):
            abandon(client, cache)

    def _services(self, cache: str) -> list[Object]:
        client = self.api.client
        return list(client.list(kubernetes.INFERENCE_SERVICE, namespace="*", labels={kubernetes.CACHE_LABEL: cache}))

    def _exists(self, cache: str) -> bool:
        return kubernetes.exists(self.api.client, MODEL_CACHE, cache)

    def _states(self, cache: str) -> dict[str, str]:
        return dict(self.status(cache).get("nodeStatus") or {})

    def _jobs(self, cache: str) -> list[Object]:
        found = self.api.client.list(Job, namespace=JOBS, labels={"model": cache})
        return [cast("Object", one.to_dict()) for one in found]


def _meta(thing: PersistentVolume | PersistentVolumeClaim) -> Any:  # noqa: ANN401 - objects from the API server have some
    return thing.metadata


def _of(thing: PersistentVolume | PersistentVolumeClaim, cache: str) -> bool:
    return str(_meta(thing).name).startswith(f"{cache}-")
