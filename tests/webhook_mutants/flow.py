"""Mutants of services that run in a cluster: the result of the pod, and what its model server sees."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import PurePosixPath

from scenarios.cluster.inference_services import Served
from scenarios.cluster.inspection import Inspection
from scenarios.cluster.kubernetes import INITIALIZER
from scenarios.content.models import MODEL
from scenarios.initializers.base import DEST, Entry
from tests.webhook_mutants.seams import Files, contents, failures, later, replicas, running, successors

Tree = Mapping[str, Entry]


def _seeing(served: Served, tree: Tree) -> Served:
    """Return the pod with a model server that sees `tree`."""
    if served.inspection is None:
        return served
    return replace(served, inspection=replace(served.inspection, trees={DEST: tree}))


def _tree(served: Served) -> Tree:
    return served.inspection.trees[DEST] if served.inspection else {}


def _files(tree: Tree) -> list[str]:
    return sorted(path for path, entry in tree.items() if entry.content is not None)


def _writing(served: Served, answer: str) -> Served:
    """Return the pod with a model server whose writes all returned `answer`."""
    if served.inspection is None:
        return served
    writes = {mount: dict.fromkeys(files, answer) for mount, files in served.inspection.writes.items()}
    return replace(served, inspection=replace(served.inspection, writes=writes))


def _with_image(served: Served, image: str) -> Served:
    """Return the pod with another image of the initializer."""
    pod = deepcopy(served.pod)
    for one in (pod and pod.spec and pod.spec.initContainers) or ():
        if one.name == INITIALIZER:
            one.image = image
    return replace(served, pod=pod)


@running("FLOW-001")
def a_failure_ends_well(served: Served) -> Served:
    """The initializer ends with 0 although it did not find the model."""
    return replace(served, initializer=served.initializer and replace(served.initializer, exit_code=0))


@running("FLOW-001")
def a_failure_says_nothing(served: Served) -> Served:
    """The pod's status does not have the initializer's last words."""
    return replace(served, initializer=served.initializer and replace(served.initializer, message=""))


@failures("FLOW-002")
def the_service_says_nothing(_told: str) -> str:
    """The status of the InferenceService does not mention that the load failed."""
    return ""


@running("FLOW-003", "FLOW-024[without]")
def no_image_is_named(served: Served) -> Served:
    """The pod waits for an image, but nothing says for which."""
    return replace(served, stuck=f"{INITIALIZER}: ErrImagePull")


@running("FLOW-003")
def another_container_waits(served: Served) -> Served:
    """The image is named, but another container waits for it."""
    return replace(served, stuck=served.stuck.replace(INITIALIZER, "kserve-container"))


@later("FLOW-004[too-little]")
def memory_is_not_blamed(served: Served) -> Served:
    """Too little memory shows as an error like any other."""
    ended = served.initializer and replace(served.initializer, reason="Error")
    return replace(served, initializer=ended, stuck=served.stuck.replace("OOM", ""))


@running("FLOW-004[enough]", "FLOW-018", "FLOW-023")
def a_file_is_missing(served: Served) -> Served:
    """The model server sees all files but one."""
    tree = _tree(served)
    return _seeing(served, {path: entry for path, entry in tree.items() if path != _files(tree)[-1]})


@running("FLOW-013", "FLOW-014", "FLOW-017", "FLOW-024[with-secret]")
def the_initializer_may_not(served: Served) -> Served:
    """The initializer is refused what it needs, and the model server never starts."""
    return replace(served, inspection=None, initializer=served.initializer and replace(served.initializer, exit_code=1))


@running("FLOW-005[default]", "FLOW-006[0]")
def the_model_can_be_changed(served: Served) -> Served:
    """The model server may write where it should only read."""
    return _writing(served, "ok")


@running("FLOW-007", "FLOW-022")
def nothing_can_be_written(served: Served) -> Served:
    """The model server may only read although the annotation opens the claim."""
    return _writing(served, "EROFS")


@contents("FLOW-007", "FLOW-022")
def what_was_written_goes_with_the_pod(content: Files) -> Files:
    """The model server wrote to a folder of the node's, not to the claim."""
    return {path: text for path, text in content.items() if path in MODEL}


@contents("FLOW-006")
def a_refused_write_is_there(content: Files) -> Files:
    """The model server was told that it may not write, and the claim has what it wrote."""
    return {**content, "written.txt": b"x"}


@running("FLOW-008[path]", "FLOW-012")
def the_claims_root_is_shown(served: Served) -> Served:
    """The path within the claim is not followed."""
    return _seeing(served, {f"models/iris/{path}": entry for path, entry in _tree(served).items()})


@running("FLOW-008[root]")
def the_claim_is_flattened(served: Served) -> Served:
    """The folders of the claim are gone."""
    return _seeing(served, {PurePosixPath(path).name: entry for path, entry in _tree(served).items()})


@running("FLOW-009")
def an_empty_folder_is_served(served: Served) -> Served:
    """The pod serves although the path is not there."""
    return replace(served, stuck="", initializer=None, inspection=_NOTHING)


#: The view of a model server with an empty folder.
_NOTHING = Inspection(trees={DEST: {}}, errors={}, writes={DEST: {}}, uid=0, environment={})


@running("FLOW-010")
def something_else_is_served(served: Served) -> Served:
    """The URI of a file shows as an empty folder."""
    return replace(served, stuck="", initializer=None, inspection=_NOTHING)


@replicas("FLOW-011")
def the_second_replica_sees_nothing(seen: list[Inspection]) -> list[Inspection]:
    """A claim shows its tree to one pod only."""
    return [*seen[:-1], replace(seen[-1], trees={DEST: {}})]


@running("FLOW-015")
def the_usual_image_is_used(served: Served) -> Served:
    """The image of the custom container is not used."""
    return _with_image(served, "kserve/storage-initializer:latest")


@later("FLOW-016")
def running_pods_change(served: Served) -> Served:
    """A pod that runs gets the new image."""
    return _with_image(served, "conformance.invalid/next:1")


@successors("FLOW-016")
def new_pods_keep_the_image(served: Served) -> Served:
    """A pod that is made after the change has the image of before."""
    return _with_image(served, "conformance.invalid/former:1")


@running("FLOW-019")
def an_image_brings_a_model(served: Served) -> Served:
    """The model server finds files although nothing was injected."""
    return _seeing(served, {"model.bin": Entry(0o644, b"model", None)})


@running("FLOW-020")
def no_secret_is_named(served: Served) -> Served:
    """No pod is made, but the events do not say which Secret is missing."""
    return replace(served, stuck="no pod is made: Error creating: a Secret is missing")


@successors("FLOW-021")
def the_next_pod_finds_nothing(served: Served) -> Served:
    """A pod that takes another's place gets an empty folder."""
    return _seeing(served, {})


@running("FLOW-022")
def a_writer_hides_the_model(served: Served) -> Served:
    """A model server that may write to the claim does not see what lies in it."""
    return _seeing(served, {})
