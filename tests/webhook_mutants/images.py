"""Mutants of models in OCI images: modelcars, and image volumes."""

from __future__ import annotations

from scenarios.cluster.kubernetes import MODEL_SERVER, MODELS, Object
from tests.webhook_mutants.parts import (
    MODELCAR,
    cars,
    containers,
    init_containers,
    keep_variables,
    mounts,
    named,
    remove_mounts,
    security,
    servers,
    volumes,
)
from tests.webhook_mutants.seams import pods


@pods(
    "MODELCAR-001", "MODELCAR-002", "MODELCAR-005", "MODELCAR-007", "MODELCAR-014",
    "URIS-013", "URIS-014", "URIS-015", "NODES-002",
)  # fmt: skip
def the_modelcar_is_forgotten(pod: Object) -> None:
    """No container has the image of the model."""
    pod["spec"]["containers"] = [one for one in containers(pod) if one not in cars(pod)]


@pods("MODELCAR-001", "MODELCAR-003", "URIS-013", "URIS-014", "URIS-015", "NODES-002")
def another_image_is_run(pod: Object) -> None:
    """The tag of the model's image is lost."""
    for one in [*cars(pod), *named(pod, f"{MODELCAR}-init")]:
        one["image"] = one["image"].rpartition(":")[0]


@pods("MODELCAR-001", "NODES-002")
def processes_are_not_shared(pod: Object) -> None:
    """The model server cannot look into the file system of the modelcar."""
    pod["spec"].pop("shareProcessNamespace")


@pods("MODELCAR-001")
def the_server_does_not_wait(pod: Object) -> None:
    """The model server is not told that its model may come after its start."""
    keep_variables(named(pod, MODEL_SERVER)[0], lambda one: one["name"] != "MODEL_INIT_MODE")


@pods("MODELCAR-001")
def the_modelcar_cannot_write(pod: Object) -> None:
    """The modelcar cannot make its link."""
    for one in cars(pod):
        for mount in mounts(one):
            mount["readOnly"] = True


@pods("MODELCAR-001", "MODELCAR-004", "MODELCAR-005", "URIS-013")
def the_link_is_in_no_shared_volume(pod: Object) -> None:
    """The link lies where nobody but the model server can see it."""
    for one in servers(pod)[:1]:
        remove_mounts(one, lambda mount: mount["mountPath"].startswith("/mnt"))


@pods("MODELCAR-002")
def the_link_is_made_once(pod: Object) -> None:
    """A link of before stands in the way of a modelcar that starts again."""
    for one in cars(pod):
        one["args"] = [argument.replace("ln -sf ", "ln -s ") for argument in one["args"]]


@pods("MODELCAR-002", "URIS-013", "MODELCAR-014")
def the_link_lies_elsewhere(pod: Object) -> None:
    """The modelcar's link is not where the model server looks."""
    for one in cars(pod):
        one["args"] = [argument.replace("/mnt/", "/tmp/") for argument in one["args"]]  # noqa: S108 - no file


@pods("MODELCAR-003")
def nobody_waits_for_the_image(pod: Object) -> None:
    """The model server starts before the image has arrived."""
    pod["spec"]["initContainers"] = [one for one in init_containers(pod) if one["name"] != f"{MODELCAR}-init"]


@pods("MODELCAR-003")
def an_image_without_a_model_will_do(pod: Object) -> None:
    """The init container ends well where the image has no model."""
    for one in named(pod, f"{MODELCAR}-init"):
        one["args"] = [argument.replace("exit 1", "exit 0") for argument in one["args"]]


@pods("MODELCAR-006[default]")
def the_modelcar_has_limits_only(pod: Object) -> None:
    """The modelcar's requests are not those that were set."""
    for one in cars(pod):
        one["resources"]["requests"] = {"cpu": "1m", "memory": "1Mi"}


@pods("MODELCAR-007")
def the_modelcar_keeps_its_user(pod: Object) -> None:
    """The modelcar runs as the user of its image."""
    for one in cars(pod):
        security(one).pop("runAsUser", None)


@pods("MODELCAR-007", "MODELCAR-008")
def the_server_keeps_its_user(pod: Object) -> None:
    """The model server runs as another user than the modelcar."""
    security(named(pod, MODEL_SERVER)[0]).pop("runAsUser", None)


@pods("MODELCAR-008")
def other_security_settings_are_lost(pod: Object) -> None:
    """Setting the model server's user throws away what hardened it."""
    server = named(pod, MODEL_SERVER)[0]
    server["securityContext"] = {"runAsUser": security(server).get("runAsUser")}


@pods("MODELCAR-011", "MODELCAR-012")
def an_image_volume_is_left_out(pod: Object) -> None:
    """The model server has an empty volume where the image should be."""
    for one in volumes(pod):
        if one.pop("image", None):
            one["emptyDir"] = {}


@pods("MODELCAR-014")
def a_path_is_a_command(pod: Object) -> None:
    """A path stands in the modelcar's command without quotes."""
    for one in cars(pod):
        one["args"] = [argument.replace("'", "") for argument in one["args"]]


@pods("URIS-015")
def images_share_a_volume(pod: Object) -> None:
    """Two images are mounted from one volume, so that one hides the other."""
    found = list(mounts(named(pod, MODEL_SERVER)[0], lambda mount: mount["mountPath"] != MODELS))
    for mount in found:
        mount["name"] = found[0]["name"]


@pods("URIS-015")
def one_image_is_enough(pod: Object) -> None:
    """Of several images only the first gets a modelcar."""
    extra = cars(pod)[1:]
    pod["spec"]["containers"] = [one for one in containers(pod) if one not in extra]
