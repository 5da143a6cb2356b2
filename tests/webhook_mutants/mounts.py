"""Mutants of volumes and mounts: of the model, and of CA bundles."""

from __future__ import annotations

from scenarios.cluster.kubernetes import MODEL_SERVER, MODELS, Object
from tests.webhook_mutants.parts import (
    TRANSFORMER,
    WORKER,
    annotation,
    initializers,
    mounts,
    named,
    remove_mounts,
    servers,
    volumes,
)
from tests.webhook_mutants.seams import pods

READONLY = "storage.kserve.io/readonly"


@pods(
    "INJECT-002", "INJECT-012", "INJECT-025", "NS-007", "PVC-004", "CACHE-003", "MODELCAR-011",
    "URIS-002", "URIS-003", "URIS-004",
)  # fmt: skip
def the_model_is_writable(pod: Object) -> None:
    """The model server may change the model."""
    for one in servers(pod):
        for mount in mounts(one):
            mount["readOnly"] = False


@pods("INJECT-002", "INJECT-025[0]", "PVC-002", "URIS-002")
def the_initializer_cannot_write(pod: Object) -> None:
    """The model is mounted read-only into the initializer."""
    for one in initializers(pod):
        for mount in mounts(one, lambda mount: mount["mountPath"] == MODELS):
            mount["readOnly"] = True


@pods("INJECT-002", "INJECT-013", "URIS-002")
def the_server_has_another_volume(pod: Object) -> None:
    """The model server looks into another volume than the one that is written."""
    volumes(pod).append({"name": "model", "emptyDir": {}})
    for one in servers(pod):
        for mount in mounts(one):
            mount["name"] = "model"


@pods("INJECT-002", "INJECT-012", "PVC-001", "PVC-006", "PVC-008", "CACHE-001", "NS-007", "URIS-003")
def the_server_has_another_path(pod: Object) -> None:
    """The model is mounted at another path than the documented one."""
    for one in servers(pod):
        for mount in mounts(one):
            mount["mountPath"] = "/mnt/model"


@pods("INJECT-002", "URIS-002")
def the_model_lies_in_memory(pod: Object) -> None:
    """The volume takes the memory of the node."""
    for one in volumes(pod):
        if "emptyDir" in one:
            one["emptyDir"] = {"medium": "Memory"}


@pods("NS-005", "CSC-004")
def the_initializer_has_another_path(pod: Object) -> None:
    """The initializer has the volume at a path that depends on the container."""
    for one in initializers(pod):
        for mount in mounts(one):
            mount["mountPath"] = f"/mnt/{one['resources'].get('limits', {}).get('memory', '')}"


@pods("INJECT-012", "INJECT-024[transformer]", "PVC-005[transformer]", "PVC-006", "MODELCAR-004")
def the_transformer_is_forgotten(pod: Object) -> None:
    """A collocated transformer does not get the model."""
    for one in named(pod, TRANSFORMER):
        remove_mounts(one, lambda mount: mount["mountPath"].startswith("/mnt"))


@pods("INJECT-012", "PVC-006")
def the_transformer_may_write(pod: Object) -> None:
    """A collocated transformer has the model in another mode than the model server."""
    for one in named(pod, TRANSFORMER):
        for mount in mounts(one):
            mount["readOnly"] = False


@pods("INJECT-013", "PVC-008", "MODELCAR-005")
def the_worker_is_forgotten(pod: Object) -> None:
    """A worker without a model server beside it does not get the model."""
    for one in named(pod, WORKER):
        remove_mounts(one, lambda mount: mount["mountPath"].startswith("/mnt"))


@pods("INJECT-024", "PVC-005", "URIS-012")
def the_annotation_is_ignored(pod: Object) -> None:
    """The model stays read-only although the annotation opens it."""
    for one in servers(pod):
        for mount in mounts(one):
            mount["readOnly"] = True


@pods("INJECT-024[transformer]", "PVC-005[transformer]")
def the_annotation_opens_the_server_only(pod: Object) -> None:
    """The annotation does not count for the transformer."""
    for one in named(pod, TRANSFORMER):
        for mount in mounts(one):
            mount["readOnly"] = True


def _open(pod: Object) -> None:
    for mount in mounts(named(pod, MODEL_SERVER)[0]):
        mount["readOnly"] = False


@pods("INJECT-025[False]", "INJECT-025[0]", "INJECT-025[no]", "PVC-004[False]", "PVC-004[0]", "PVC-004[no]")
def every_no_opens_the_model(pod: Object) -> None:
    """Other words for `false` than the documented one make the model writable."""
    if (annotation(pod, READONLY) or "").lower() in {"false", "0", "no"}:
        _open(pod)


@pods("INJECT-025[misspelt]", "INJECT-025[other-prefix]")
def misspelt_annotations_count(pod: Object) -> None:
    """An annotation whose key is almost right makes the model writable."""
    if any("read" in key and value == "false" for key, value in pod["metadata"]["annotations"].items()):
        _open(pod)


@pods("URIS-012")
def the_annotation_governs_downloads_only(pod: Object) -> None:
    """A claim among several URIs stays read-only."""
    claims = {one["name"] for one in volumes(pod) if "persistentVolumeClaim" in one}
    for mount in mounts(named(pod, MODEL_SERVER)[0], lambda mount: mount["name"] in claims):
        mount["readOnly"] = True


def _bundles(pod: Object) -> list[Object]:
    return [one for one in volumes(pod) if "configMap" in one]


def _bundle_mounts(pod: Object) -> list[Object]:
    names = {one["name"] for one in _bundles(pod)}
    return [mount for one in initializers(pod) for mount in mounts(one) if mount["name"] in names]


@pods("CFG-010", "CFG-011", "CFG-012[default-path]", "CFG-017", "ICRED-037")
def ca_bundles_are_forgotten(pod: Object) -> None:
    """No ConfigMap with authorities is mounted."""
    names = {one["name"] for one in _bundles(pod)}
    pod["spec"]["volumes"] = [one for one in volumes(pod) if one["name"] not in names]
    for one in initializers(pod):
        remove_mounts(one, lambda mount: mount["name"] in names)


@pods("CFG-010", "CFG-011", "CFG-012[default-path]", "CFG-017")
def ca_bundles_are_writable(pod: Object) -> None:
    """The ConfigMap with authorities is not mounted read-only."""
    for mount in _bundle_mounts(pod):
        mount["readOnly"] = False


@pods("CFG-011", "CFG-012[own-path]", "CFG-017")
def ca_bundles_lie_at_the_usual_place(pod: Object) -> None:
    """The setting of their place is ignored."""
    for mount in _bundle_mounts(pod):
        mount["mountPath"] = "/etc/ssl/custom-certs"


@pods("CFG-012", "ICRED-037")
def the_clusters_ca_bundle_wins(pod: Object) -> None:
    """The authorities of a Secret or of a storage config give way to those of the cluster."""
    for one in _bundles(pod):
        one["configMap"]["name"] = "global-ca-bundle"


@pods("CFG-010")
def ca_bundles_keep_their_name(pod: Object) -> None:
    """The name that was set is mounted, which no other namespace has."""
    for one in _bundles(pod):
        one["configMap"]["name"] = "authorities"


@pods("CFG-013")
def ca_bundles_for_everybody(pod: Object) -> None:
    """Pods that download nothing get the authorities too."""
    volumes(pod).append({"name": "cabundle-cert", "configMap": {"name": "global-ca-bundle"}})
