"""Mutants of TrainedModels: the agent's container, the list that it reads, and what KServe says of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from scenarios.cluster.admission import Answer
from scenarios.cluster.kubernetes import AGENT, MODEL_SERVER, MODELS, Object
from scenarios.cluster.trained_models import Condition, TrainedModels
from tests.webhook_mutants.parts import by_reference, containers, env, inject, keep_variables, mounts, named, volumes
from tests.webhook_mutants.seams import declare_on, pods

CONFIGS = "/mnt/configs"
Models = Mapping[str, Object]


def _on(method: str, *rules: str) -> Callable[[Any], Any]:
    return declare_on(TrainedModels, method, rules)


@pods("AGENT-001", "AGENT-002", "AGENT-003", "AGENT-004", "AGENT-005", "AGENT-006")
def there_is_no_agent(pod: Object) -> None:
    """The webhook adds no agent."""
    pod["spec"]["containers"] = [one for one in containers(pod) if one["name"] != AGENT]


@pods("AGENT-001")
def downloads_beside_the_agent(pod: Object) -> None:
    """The pod gets an initializer besides the agent."""
    if named(pod, AGENT):
        inject(pod)


@pods("AGENT-002")
def another_agent_each_time(pod: Object) -> None:
    """Each time that the webhook sees the pod, it adds one more agent."""
    for one in named(pod, AGENT):
        containers(pod).append({**deepcopy(one), "name": f"{AGENT}{len(containers(pod))}"})


@pods("AGENT-002")
def the_agent_pulls_nothing(pod: Object) -> None:
    """The agent only logs and batches requests."""
    for one in named(pod, AGENT):
        one["args"] = [argument for argument in one["args"] if argument != "--enable-puller"]


@pods("AGENT-001", "AGENT-003")
def the_agent_reads_another_list(pod: Object) -> None:
    """The list of another service is mounted."""
    for one in volumes(pod):
        if "configMap" in one:
            one["configMap"]["name"] += "-other"


@pods("AGENT-003")
def the_agent_keeps_the_models(pod: Object) -> None:
    """The models are in a volume that the model server does not mount."""
    for one in named(pod, AGENT):
        for mount in mounts(one, lambda mount: mount["mountPath"] == MODELS):
            mount["name"] = "own"
    volumes(pod).append({"name": "own", "emptyDir": {}})


@pods("AGENT-003")
def the_agent_cannot_write(pod: Object) -> None:
    """The agent mounts the folder of the models read-only."""
    for one in named(pod, AGENT):
        for mount in mounts(one):
            mount["readOnly"] = True


@pods("AGENT-003")
def the_server_sees_the_list(pod: Object) -> None:
    """The list is mounted in the model server too."""
    for one in named(pod, MODEL_SERVER):
        one.setdefault("volumeMounts", []).append({"name": "model-config", "mountPath": CONFIGS})


@pods("AGENT-004")
def the_agent_gets_no_keys(pod: Object) -> None:
    """No Secret reaches the agent."""
    for one in named(pod, AGENT):
        keep_variables(one, lambda variable: "valueFrom" not in variable)


@pods("AGENT-004")
def the_server_gets_the_keys_too(pod: Object) -> None:
    """The model server has the keys of the store besides the agent."""
    for one in named(pod, MODEL_SERVER):
        env(one).append(by_reference("AWS_ACCESS_KEY_ID", "keys", "AWS_ACCESS_KEY_ID"))


@pods("AGENT-004")
def the_agents_keys_stand_in_the_pod(pod: Object) -> None:
    """The keys are copied into the pod."""
    for one in named(pod, AGENT):
        for variable in env(one):
            if variable.pop("valueFrom", None):
                variable["value"] = "canary-id"


@pods("AGENT-005")
def the_agents_image_is_fixed(pod: Object) -> None:
    """The agent has the image of the release, whatever the ConfigMap says."""
    for one in named(pod, AGENT):
        one["image"] = "kserve/agent:latest"


@pods("AGENT-005")
def the_agent_has_no_limits(pod: Object) -> None:
    """The agent has neither requests nor limits."""
    for one in named(pod, AGENT):
        one["resources"] = {}


@_on("change", "AGENT-008")
def every_change_is_accepted(answer: Answer) -> Answer:
    """A change of the memory is stored."""
    return replace(answer, stored=answer.stored or answer.sent, refusal="")


@_on("change", "AGENT-008")
def every_change_is_refused(answer: Answer) -> Answer:
    """A new URI is refused like a new memory."""
    return replace(answer, stored=None, refusal=answer.refusal or "memory field is immutable")


@_on("change", "AGENT-008")
def a_change_is_refused_without_a_reason(answer: Answer) -> Answer:
    """The refusal does not name the field."""
    return replace(answer, refusal=answer.refusal and "Internal error occurred: the request was denied")


@_on("listed", "AGENT-001", "AGENT-009")
def there_is_no_list(_models: Models | None) -> None:
    """The ConfigMap of the models does not exist."""


@_on("listed", "AGENT-009")
def the_list_loses_the_memory(models: Models | None) -> Models | None:
    """The list does not give the memory of a model."""
    return models and {name: {**one, "memory": "0"} for name, one in models.items()}


@_on("listed", "AGENT-009")
def the_list_has_the_former_uri(models: Models | None) -> Models | None:
    """A new URI does not reach the list."""
    return models and {name: {**one, "storageUri": "s3://bucket/former"} for name, one in models.items()}


@_on("listed", "AGENT-009")
def a_deleted_model_stays_in_the_list(models: Models | None) -> Models | None:
    """The list has a model that no TrainedModel describes."""
    return models and {**models, "deleted": {"storageUri": "s3://bucket/deleted"}}


@_on("condition", "AGENT-010")
def the_condition_is_silent(_condition: Condition) -> Condition:
    """The condition is False and gives no reason."""
    return Condition("False")


@_on("condition", "AGENT-010")
def the_condition_is_true(condition: Condition) -> Condition:
    """The condition says that everything is in order."""
    return replace(condition, status="True")


@_on("reasons", "AGENT-011")
def the_missing_service_is_not_mentioned(_reasons: list[str]) -> list[str]:
    """Neither a condition nor an event is about the missing service."""
    return []


@_on("exists", "AGENT-012")
def a_model_outlives_its_service(_exists: bool) -> bool:
    """The TrainedModel keeps its finalizer for ever."""
    return True
