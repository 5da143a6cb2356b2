"""The points between KServe's answer and the test where a mutant can act. Each declares one kind of mutant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, TypeVar

import lightkube

from conformance.api.admission import Admission
from scenarios.cluster.admission import AdmissionClient, Answer
from scenarios.cluster.inference_services import InferenceServices, Served
from scenarios.cluster.inspection import Inspection
from scenarios.cluster.kubernetes import STORAGE_CONTAINER, Object
from scenarios.cluster.llm_inference_services import LLMInferenceServices
from scenarios.cluster.model_caches import ModelCaches
from tests.webhook_mutants.registry import ALL, Alteration, Seam

Files = dict[str, bytes]
#: Node -> state of a cached model.
States = dict[str, str]
T = TypeVar("T", bound=Callable[..., Any])

_SUBMIT: Seam = (AdmissionClient, "submit")
_SERVE: Seam = (AdmissionClient, "serve")
_ANSWER_OF: Seam = (AdmissionClient, "answer_of")
_TEMPLATE: Seam = (LLMInferenceServices, "outcome")


def _declare(rules: Sequence[str], seams: Sequence[Seam], lift: Callable[[Any], Alteration]) -> Callable[[T], T]:
    def declare(function: T) -> T:
        ALL.declare(function, rules, seams, lift(function))
        return function

    return declare


def _as_it_is(alter: Alteration) -> Alteration:
    return alter


def declare_on(owner: type, method: str, rules: Sequence[str]) -> Callable[[T], T]:
    """Replace the return value of a method of the suite, for the mutants of one kind of object."""
    return _declare(rules, [(owner, method)], _as_it_is)


def of_pods(alter: Callable[[Object], None]) -> Alteration:
    """Change a copy of the pod in an answer."""

    def change(answer: Answer) -> Answer:
        if answer.stored is None or answer.stored["kind"] != "Pod":
            return answer
        pod = deepcopy(answer.stored)
        alter(pod)
        return replace(answer, stored=pod)

    return change


def pods(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Change every admitted pod in place."""
    return _declare(rules, [_SUBMIT], of_pods)


def templates(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Change every pod template of an LLMInferenceService in place."""
    return _declare(rules, [_TEMPLATE], of_pods)


def workloads(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Replace everything that the controller made of an LLMInferenceService."""
    return _declare(rules, [_TEMPLATE], _as_it_is)


def inspections(*rules: str) -> Callable[[Callable[[Inspection], Inspection]], Callable[[Inspection], Inspection]]:
    """Replace what the model server of an LLMInferenceService sees."""
    return _declare(rules, [(LLMInferenceServices, "inspect")], _as_it_is)


def bundles(*rules: str) -> Callable[[Callable[[bool], bool]], Callable[[bool], bool]]:
    """Replace whether the CA bundle is in a namespace."""
    return _declare(rules, [(LLMInferenceServices, "bundle")], _as_it_is)


def defaulted(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Change every InferenceService as the webhook's defaulter returns it, in place."""

    def lift(alter: Callable[[Object], None]) -> Alteration:
        def change(answer: Answer) -> Answer:
            if answer.stored is None or answer.stored["kind"] != "InferenceService":
                return answer
            service = deepcopy(answer.stored)
            alter(service)
            return replace(answer, stored=service)

        return change

    return _declare(rules, [_SUBMIT], lift)


def answers(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Replace every answer to a pod."""
    return _declare(rules, [_SUBMIT], _as_it_is)


def services(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Replace every answer to an InferenceService."""
    return _declare(rules, [_SERVE], _as_it_is)


def manifests(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Replace every answer to a manifest of doubtful validity."""
    return _declare(rules, [_ANSWER_OF], _as_it_is)


def refusals(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Replace the message of every refusal, regardless of its source."""

    def lift(alter: Callable[[str], str]) -> Alteration:
        def change(answer: Answer) -> Answer:
            return answer if answer.stored is not None else replace(answer, refusal=alter(answer.refusal))

        return change

    return _declare(rules, [_SUBMIT, _SERVE], lift)


def statuses(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Replace the status of every InferenceService, as JSON."""
    return _declare(rules, [(AdmissionClient, "status")], _as_it_is)


def namings(*rules: str) -> Callable[[Callable[[dict[str, str]], dict[str, str]]], Alteration]:
    """Replace the annotation that names a Secret according to KServe's configuration."""
    return _declare(rules, [(AdmissionClient, "naming")], _as_it_is)


def webhooks(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Change the configuration of the pod webhook in place."""
    return _declare(rules, [(Admission, "pod_webhook")], _in_a_copy)


def _in_a_copy(alter: Callable[[Object], None]) -> Alteration:
    def change(found: Object) -> Object:
        changed = deepcopy(found)
        alter(changed)
        return changed

    return change


def defaults(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Change the spec of the installation's own storage container in place."""

    def lift(alter: Callable[[Object], None]) -> Alteration:
        def change(found: Any) -> Any:  # noqa: ANN401 - whatever the client read
            if not isinstance(found, STORAGE_CONTAINER):
                return found
            return STORAGE_CONTAINER.from_dict({**found, "spec": _in_a_copy(alter)(found["spec"])})

        return change

    return _declare(rules, [(lightkube.Client, "get")], lift)


def running(*rules: str) -> Callable[[Callable[[Served], Served]], Callable[[Served], Served]]:
    """Replace the result of every service that runs in the cluster."""
    return _declare(rules, [(InferenceServices, "outcome")], _as_it_is)


def successors(*rules: str) -> Callable[[Callable[[Served], Served]], Callable[[Served], Served]]:
    """Replace the result of every pod that replaces another pod."""
    return _declare(rules, [(InferenceServices, "replace_pod")], _as_it_is)


def contents(*rules: str) -> Callable[[Callable[[Files], Files]], Callable[[Files], Files]]:
    """Replace the files that the suite finds on each claim."""
    return _declare(rules, [(InferenceServices, "content")], _as_it_is)


def later(*rules: str) -> Callable[[Callable[[Served], Served]], Callable[[Served], Served]]:
    """Replace a pod when the suite reads it again."""
    return _declare(rules, [(InferenceServices, "reread")], _as_it_is)


def replicas(*rules: str) -> Callable[[Callable[[list[Inspection]], list[Inspection]]], Alteration]:
    """Replace what the replicas of a service see."""
    return _declare(rules, [(InferenceServices, "scale")], _as_it_is)


def failures(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Replace the message on a failed load in the status of a service."""
    return _declare(rules, [(InferenceServices, "reported_failure")], _as_it_is)


def jobs(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Change every download job of a cache in place."""
    return _declare(rules, [(ModelCaches, "job")], _in_a_copy)


def states(*rules: str) -> Callable[[Callable[[States], States]], Callable[[States], States]]:
    """Replace the states of nodes in the status of every cache."""
    return _declare(rules, [(ModelCaches, "states")], _as_it_is)


def told(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Replace what status and events say about every cache."""
    return _declare(rules, [(ModelCaches, "told")], _as_it_is)


def changes(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Replace the refusal of every change of a cache; "" for none."""
    return _declare(rules, [(ModelCaches, "change")], _as_it_is)


def deletions(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Replace the refusal of every deletion of a cache; "" for none."""
    return _declare(rules, [(ModelCaches, "delete")], _as_it_is)


def leftovers(*rules: str) -> Callable[[Callable[[list[str]], list[str]]], Callable[[list[str]], list[str]]]:
    """Replace what is left of every deleted cache."""
    return _declare(rules, [(ModelCaches, "left")], _as_it_is)
