"""Mutants of the environment of initializers and model servers."""

from __future__ import annotations

from scenarios.cluster.kubernetes import MODEL_SERVER, MODELS, Object
from tests.webhook_mutants.parts import env, initializers, keep_variables, named, source, variables
from tests.webhook_mutants.seams import pods

MOUNT_POINT = "CA_BUNDLE_VOLUME_MOUNT_POINT"
SPEED = ("HF_HUB_ENABLE_HF_TRANSFER", "HF_XET_HIGH_PERFORMANCE", "HF_XET_NUM_CONCURRENT_RANGE_GETS")


def _without(pod: Object, *names: str) -> None:
    for one in initializers(pod):
        keep_variables(one, lambda variable: variable["name"] not in names)


@pods("INJECT-015[uri]", "PVC-009")
def storage_uri_stays(pod: Object) -> None:
    """The model server finds the URI in STORAGE_URI, not the path."""
    for one in env(named(pod, MODEL_SERVER)[0]):
        if one["name"] == "STORAGE_URI":
            one["value"] = source(pod)


@pods("INJECT-015[empty]")
def an_empty_storage_uri_is_filled(pod: Object) -> None:
    """An empty STORAGE_URI gets the path too."""
    for one in env(named(pod, MODEL_SERVER)[0]):
        if one["name"] == "STORAGE_URI":
            one["value"] = MODELS


@pods("INJECT-015[uri]")
def every_uri_becomes_the_path(pod: Object) -> None:
    """Other variables that hold the same URI are rewritten too."""
    for one in env(named(pod, MODEL_SERVER)[0]):
        one["value"] = one.get("value", "").replace(source(pod), MODELS)


@pods("INJECT-015[uri]")
def the_servers_variables_are_lost(pod: Object) -> None:
    """The model server has only the variables that KServe sets."""
    keep_variables(named(pod, MODEL_SERVER)[0], lambda one: one["name"] == "STORAGE_URI")


@pods("INJECT-016")
def the_servers_variables_change(pod: Object) -> None:
    """The model server gets a variable that it did not ask for."""
    env(named(pod, MODEL_SERVER)[0]).append({"name": "MODEL_DIR", "value": MODELS})


@pods("INJECT-026")
def the_hub_is_slow(pod: Object) -> None:
    """The hub's client is left with its defaults."""
    _without(pod, *SPEED)


@pods("INJECT-026[s3]")
def only_the_hub_is_fast(pod: Object) -> None:
    """The hub's client is set up only for URIs of the hub."""
    if not source(pod).startswith("hf://"):
        _without(pod, *SPEED)


@pods("INJECT-028")
def confidential_models_are_not_announced(pod: Object) -> None:
    """The initializer is not told that a model is encrypted."""
    _without(pod, "CONFIDENTIAL_ENABLED")


@pods("INJECT-028")
def the_key_is_not_announced(pod: Object) -> None:
    """The initializer is told that a model is encrypted, but of another key."""
    for one in variables(pod, "CONFIDENTIAL_RESOURCE_ID"):
        one["value"] = "kbs:///default"


@pods(
    "CSC-003",
    "CSC-005[other]",
    "CSC-006",
    "CSC-012",
    "CFG-010",
    "CFG-011",
    "CFG-012[default-path]",
    "CFG-017",
    "ICRED-037",
)
def declared_variables_are_dropped(pod: Object) -> None:
    """Variables with a value do not reach the initializer."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: "valueFrom" in variable)


@pods("CSC-005", "CFG-015", "ICRED-016")
def variables_come_twice(pod: Object) -> None:
    """Each variable of the initializer is there twice."""
    for one in initializers(pod):
        one["env"] = [*env(one), *env(one)]


@pods("CSC-005[default-of-kserve]")
def kserves_default_wins(pod: Object) -> None:
    """A variable that a storage container declares is overwritten by KServe's default for it."""
    for one in variables(pod, "HF_XET_HIGH_PERFORMANCE"):
        one["value"] = "1"


@pods("CFG-015")
def kserves_bundle_wins(pod: Object) -> None:
    """The place of the CA bundle that a storage container declares is overwritten."""
    for one in variables(pod, MOUNT_POINT):
        one["value"] = "/etc/ssl/custom-certs"
