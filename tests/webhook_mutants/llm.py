"""Mutants of LLMInferenceServices: what the controller writes into pod templates and conditions."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from scenarios.cluster.admission import Answer
from scenarios.cluster.inspection import Inspection
from scenarios.cluster.kubernetes import MODELS, Object
from tests.webhook_mutants.parts import (
    MODELCAR,
    containers,
    download,
    init_containers,
    initializers,
    keep_variables,
    mounts,
    named,
    references,
    remove_mounts,
    strip,
    variables,
    volumes,
)
from tests.webhook_mutants.seams import answers, bundles, inspections, pods, templates, workloads


def _mains(pod: Object) -> list[Object]:
    return named(pod, "main")


@templates("LLM-001", "LLM-025", "LLM-035")
def llm_fetches_another_model(pod: Object) -> None:
    """The initializer gets another URI."""
    for one in initializers(pod):
        one["args"] = [f"{one['args'][0]}-other", *one["args"][1:]]


@templates("LLM-001", "LLM-022")
def llm_downloads_twice(pod: Object) -> None:
    """The template has two initializers."""
    init_containers(pod).extend(deepcopy(initializers(pod)))


@templates("LLM-002", "LLM-004", "LLM-008")
def llm_model_can_be_changed(pod: Object) -> None:
    """The model server may write to the model."""
    for one in _mains(pod):
        for mount in mounts(one):
            mount["readOnly"] = False


@templates("LLM-002", "LLM-014")
def llm_model_is_not_mounted(pod: Object) -> None:
    """The model server does not see the model."""
    for one in _mains(pod):
        remove_mounts(one, lambda mount: mount["mountPath"].startswith("/mnt"))


@templates("LLM-003")
def llm_resources_are_lost(pod: Object) -> None:
    """The initializer has no limit of memory."""
    for one in initializers(pod):
        one["resources"]["limits"].pop("memory")


@templates("LLM-003", "LLM-021", "LLM-022[image]", "LLM-023", "LLM-024")
def llm_image_is_another(pod: Object) -> None:
    """The initializer has an image that nobody chose."""
    for one in initializers(pod):
        one["image"] = "registry.example/nobodys:1"


@templates("LLM-004[path]")
def llm_claims_root_is_mounted(pod: Object) -> None:
    """The path within the claim is lost."""
    for one in _mains(pod):
        for mount in mounts(one):
            mount.pop("subPath", None)


@templates("LLM-005", "LLM-014")
def llm_modelcar_is_forgotten(pod: Object) -> None:
    """No container has the image of the model."""
    pod["spec"]["containers"] = [one for one in containers(pod) if not one["name"].startswith(MODELCAR)]


@workloads("LLM-006", "LLM-009", "LLM-012", "LLM-020", "LLM-032", "LLM-036")
def llm_reason_is_vague(answer: Answer) -> Answer:
    """The conditions do not name what is wrong."""
    return answer if answer.stored else replace(answer, refusal="WorkloadsReady: failed to reconcile workload")


@templates("LLM-007")
def llm_hardening_is_lost(pod: Object) -> None:
    """The user of the modelcar replaces all security settings of the model server."""
    for one in _mains(pod):
        one["securityContext"] = {"runAsUser": 2020}


@answers("LLM-010")
def llm_everything_is_admitted(answer: Answer) -> Answer:
    """The API server accepts every service."""
    return replace(answer, stored=answer.sent, refusal="")


@workloads("LLM-011", "LLM-033", "LLM-036")
def llm_nothing_is_made(answer: Answer) -> Answer:
    """The controller makes nothing of any service."""
    return replace(answer, stored=None, refusal=answer.refusal or "WorkloadsReady: no matches for kind")


@templates("LLM-008", "LLM-013", "LLM-035")
def llm_always_downloads(pod: Object) -> None:
    """The template has an initializer although nothing has to be fetched."""
    if not initializers(pod):
        init_containers(pod).append(download(pod))


@templates("LLM-001", "LLM-015[prefill]", "LLM-016[worker]", "LLM-016[leader]")
def llm_downloads_nothing(pod: Object) -> None:
    """The template has no initializer."""
    strip(pod)


@templates("LLM-017", "LLM-018", "LLM-019")
def llm_keys_are_lost(pod: Object) -> None:
    """The initializer gets no key."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: not variable.get("valueFrom"))


@templates("LLM-017")
def llm_server_gets_the_keys(pod: Object) -> None:
    """The model server gets the keys too."""
    for one in _mains(pod):
        one["env"] = [*(one.get("env") or ()), *deepcopy(list(variables(pod)))]


@templates("LLM-019")
def llm_another_secret_counts(pod: Object) -> None:
    """The annotation that names a Secret has no effect."""
    for reference in references(pod):
        reference["name"] = "other"


@templates("LLM-022[env]")
def llm_own_variables_are_lost(pod: Object) -> None:
    """Variables of the service's own initializer are dropped."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: not variable["name"].startswith("HF_"))


@templates("LLM-022[resources]")
def llm_own_resources_are_lost(pod: Object) -> None:
    """Resources of the service's own initializer are dropped."""
    for one in initializers(pod):
        one["resources"] = {"limits": {"memory": "1Gi"}, "requests": {"memory": "100Mi"}}


@templates("LLM-025")
def llm_volumes_add_up(pod: Object) -> None:
    """Each template has volumes that another one does not have."""
    name = initializers(pod)[0]["args"][0].rpartition("/")[2]
    volumes(pod).append({"name": f"left-{name}", "emptyDir": {}})


@templates("LLM-026[hf]")
def llm_hub_is_slow(pod: Object) -> None:
    """The variables for fast downloads from the Hub are missing."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: not variable["name"].startswith("HF_"))


@templates("LLM-026[s3]")
def llm_hub_is_everywhere(pod: Object) -> None:
    """The variables of the Hub are set for every store."""
    for one in initializers(pod):
        one["env"] = [*(one.get("env") or ()), {"name": "HF_XET_HIGH_PERFORMANCE", "value": "1"}]


@templates("LLM-027", "LLM-028")
def llm_bundle_is_not_mounted(pod: Object) -> None:
    """The initializer does not see the CA bundle."""
    for one in initializers(pod):
        remove_mounts(one, lambda mount: mount["mountPath"].startswith("/etc/ssl"))


@bundles("LLM-029")
def llm_bundle_is_elsewhere(_there: bool) -> bool:
    """The namespace of the service has no CA bundle."""
    return False


@templates("LLM-030")
def llm_key_is_lost(pod: Object) -> None:
    """The initializer does not learn which key decrypts the model."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: variable["name"] != "CONFIDENTIAL_RESOURCE_ID")


@templates("LLM-031[s3]", "LLM-031[hf]")
def llm_adapters_are_out_of_order(pod: Object) -> None:
    """The order of the adapters is that of the service."""
    for one in initializers(pod):
        one["args"] = [*one["args"][:2], *one["args"][4:6], *one["args"][2:4]]


@templates("LLM-031")
def llm_adapters_are_not_seen(pod: Object) -> None:
    """The model server does not mount what lies beside the base model."""
    for one in _mains(pod):
        remove_mounts(one, lambda mount: mount["mountPath"] != MODELS)


@pods("LLM-034")
def llm_webhook_adds_another(pod: Object) -> None:
    """The pod webhook injects into the pods of these services."""
    init_containers(pod).append(download(pod))


@inspections("LLM-038")
def llm_server_sees_nothing(seen: Inspection) -> Inspection:
    """The folder of the model is empty."""
    return replace(seen, trees={mount: {} for mount in seen.trees})
