"""Mutants of persistent volume claims, and of the cache on a claim."""

from __future__ import annotations

from scenarios.cluster.kubernetes import Object
from tests.webhook_mutants.parts import initializers, mounts, servers, volumes
from tests.webhook_mutants.seams import pods


@pods(
    "PVC-001",
    "PVC-002",
    "PVC-003[false]",
    "PVC-006",
    "PVC-008",
    "CACHE-001",
    "CACHE-002",
    "MODELCAR-011",
    "URIS-005",
    "NODES-001",
)
def the_path_within_is_lost(pod: Object) -> None:
    """The root of the volume is mounted, whatever path of it was asked for."""
    for one in servers(pod):
        for mount in mounts(one):
            mount.pop("subPath", None)


@pods("PVC-001[deep]", "CACHE-002")
def paths_end_too_early(pod: Object) -> None:
    """Of a path within the volume the last part is lost."""
    for one in servers(pod):
        for mount in mounts(one):
            mount["subPath"] = mount.get("subPath", "").rpartition("/")[0]


@pods("PVC-001", "PVC-003[false]", "CACHE-001", "URIS-004", "NODES-001")
def another_claim_is_mounted(pod: Object) -> None:
    """The claim has another name than the URI or the annotation."""
    for one in volumes(pod):
        if "persistentVolumeClaim" in one:
            one["persistentVolumeClaim"]["claimName"] += "-0"


@pods("PVC-002")
def a_linked_claim_is_writable(pod: Object) -> None:
    """The initializer that makes links may write to the claim."""
    for one in initializers(pod):
        for mount in mounts(one, lambda mount: mount["mountPath"] == "/mnt/pvc"):
            mount["readOnly"] = False


@pods("URIS-004")
def a_claim_is_fetched_too(pod: Object) -> None:
    """A claim among several URIs is mounted, and an argument of the initializer besides."""
    for one in initializers(pod):
        one["args"] = ["pvc://claim", "/mnt/base", *one["args"]]
