"""Change KServe's configuration in a cluster for one test. The original is restored whatever happens."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import lightkube
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from clusters.base import RUN_LABEL
from clusters.kserve.manifests import rendered
from clusters.kserve.releases import find
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.kubernetes import CONFIGURATION, STORAGE_CONTAINER, retry_on_429
from scenarios.cluster.waiting import wait
from scenarios.reasons import NotOffered

#: Holds the original during a test. If the run is killed, a later run restores it from here.
SAVED = "conformance-saved-inferenceservice-config"

#: The annotation of a ClusterStorageContainer that a test has switched. Its value: whether it was disabled before.
WAS_DISABLED = "conformance.kserve.io/was-disabled"
#: Bytes. Memory requests from this value up mark a change. They are close to KServe's default request.
FIRST_MARK = 104857600

_numbers = itertools.count(1)


class Configuration:
    """The ConfigMap `inferenceservice-config`, for a test with exclusive use of the cluster."""

    def __init__(self, api: AdmissionClient) -> None:
        self._api = api
        self._client = api.client
        self._namespace = api.system
        self._original = self._data()

    def section(self, key: str) -> dict[str, Any]:
        """The current value of the ConfigMap's key, such as `storageInitializer`."""
        found: dict[str, Any] = json.loads(self._data().get(key) or "{}")
        return found

    def change(self, **sections: Mapping[str, object]) -> None:
        """Merge values into sections and wait until the webhook uses them. None removes a value."""
        merged = {key: {**self.section(key), **values} for key, values in sections.items()}
        texts = {
            key: json.dumps({name: value for name, value in values.items() if value is not None})
            for key, values in merged.items()
        }
        self.write(**texts)

    def take_from_chart(self, release: str, **values: object) -> None:
        """Write the sections that the release's Helm chart renders for values of `kserve.storage`, as `write` does.

        Raises NoKServe for values that the chart refuses. Raises ToolFailed.
        """
        chart = rendered(find(release), "helm", {f"kserve.storage.{name}": value for name, value in values.items()})
        configuration = next(one for one in chart if one["metadata"]["name"] == CONFIGURATION)
        self.write(storageInitializer=configuration["data"]["storageInitializer"])

    def write(self, **sections: str) -> None:
        """Replace the text of sections, even with invalid JSON, and wait until the webhook uses it."""
        self._refuse_foreign()
        self._save()
        changed = {
            **sections,
            "storageInitializer": sections.get("storageInitializer", self._data()["storageInitializer"]),
        }
        mark = self._mark(changed)
        self._api.transcript.append((f"changed {CONFIGURATION}", json.dumps(changed, indent=2)))
        self._client.patch(ConfigMap, CONFIGURATION, {"data": changed}, namespace=self._namespace)
        wait(lambda: self._known(mark), f"the webhook's knowledge of a changed {CONFIGURATION}")

    def _mark(self, changed: dict[str, str]) -> str:
        """The memory request that reveals the change in a pod: that of the change, or a new one added to it."""
        try:
            section = json.loads(changed["storageInitializer"])
        except json.JSONDecodeError:
            return ""  # the webhook then refuses every pod
        if section.get("memoryRequest") == json.loads(self._original["storageInitializer"])["memoryRequest"]:
            section["memoryRequest"] = str(FIRST_MARK + next(_numbers))
            changed["storageInitializer"] = json.dumps(section)
        return str(section.get("memoryRequest"))

    def remove(self) -> None:
        """Delete the whole ConfigMap and wait until the webhook fails to find it."""
        self._refuse_foreign()
        self._save()
        self._client.delete(ConfigMap, CONFIGURATION, namespace=self._namespace)
        wait(lambda: self._known(""), f"the webhook's knowledge of a removed {CONFIGURATION}")

    def switch(self, storage_container: str, *, disabled: bool) -> None:
        """Disable or enable a ClusterStorageContainer of the installation, if it exists."""
        try:
            found = self._client.get(STORAGE_CONTAINER, storage_container)
        except lightkube.ApiError as error:
            if error.status.code != 404:
                raise
            return
        before = bool(found.get("disabled"))
        if before == disabled:
            return
        self._refuse_foreign()
        remembered = {WAS_DISABLED: json.dumps(before)}
        change = {"disabled": disabled, "metadata": {"annotations": remembered}}
        self._client.patch(STORAGE_CONTAINER, storage_container, change, patch_type=PatchType.MERGE)
        self._api.settle_storage_containers()

    def _refuse_foreign(self) -> None:
        if self._api.cluster.provider == "existing":
            raise NotOffered(
                f"{CONFIGURATION} affects a whole cluster; run this on a cluster of the suite, with --cluster kind"
            )

    def _known(self, mark: str, *, by_refusing: bool = True) -> bool | None:
        """Whether the webhook applies the mark as memory request, or refuses all pods; None for not yet."""
        answer = self._api.answer(self._api.pod(f"{self._api.scheme()}://x"))
        if answer.stored is None:
            return True if by_refusing else None
        first = answer.stored["spec"]["initContainers"][0]
        return True if first["resources"]["requests"].get("memory") == mark else None

    def restore(self) -> None:
        """Restore the original and wait until the webhook uses it."""
        if give_back_storage_containers(self._client):
            self._api.settle_storage_containers()
        if saved(self._client, self._namespace) is not None:
            give_back(self._client, self._namespace)
            asked = json.loads(self._original["storageInitializer"])["memoryRequest"]
            wait(
                lambda: self._known(asked, by_refusing=False),
                f"the webhook's knowledge of the restored {CONFIGURATION}",
            )

    def _data(self) -> dict[str, str]:
        return dict(self._client.get(ConfigMap, CONFIGURATION, namespace=self._namespace).data or {})

    def _save(self) -> None:
        if saved(self._client, self._namespace) is None:
            metadata = ObjectMeta(name=SAVED, namespace=self._namespace, labels={RUN_LABEL: self._api.run})
            self._client.create(ConfigMap(metadata=metadata, data=self._original))


def saved(client: lightkube.Client, namespace: str) -> dict[str, str] | None:
    """The original configuration that a test has saved and not restored; None if there is none."""
    try:
        return dict(client.get(ConfigMap, SAVED, namespace=namespace).data or {})
    except lightkube.ApiError as error:
        if error.status.code != 404:
            raise
        return None


def give_back(client: lightkube.Client, namespace: str) -> None:
    """Restore the saved configuration, if any, even that of a killed run."""
    give_back_storage_containers(client)
    original = saved(client, namespace)
    if original is None:
        return
    client.apply(ConfigMap(metadata=ObjectMeta(name=CONFIGURATION, namespace=namespace)), force=True)
    now = client.get(ConfigMap, CONFIGURATION, namespace=namespace).data or {}
    client.patch(ConfigMap, CONFIGURATION, {"data": {**dict.fromkeys(now), **original}}, namespace=namespace)
    client.delete(ConfigMap, SAVED, namespace=namespace)


def give_back_storage_containers(client: lightkube.Client) -> bool:
    """Undo the switches of ClusterStorageContainers. Returns whether there were any."""
    present = retry_on_429(lambda: list(client.list(STORAGE_CONTAINER)))
    switched = [one for one in present if WAS_DISABLED in (one["metadata"].get("annotations") or {})]
    for one in switched:
        before = json.loads(one["metadata"]["annotations"][WAS_DISABLED])
        change = {"disabled": before, "metadata": {"annotations": {WAS_DISABLED: None}}}
        client.patch(STORAGE_CONTAINER, one["metadata"]["name"], change, patch_type=PatchType.MERGE)
    return bool(switched)
