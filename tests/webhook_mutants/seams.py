"""Where a mutant may stand: between KServe's answer and the test that asked. Each seam declares one kind of mutant."""

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
from tests.webhook_mutants.registry import ALL, Alteration, Seam

Files = dict[str, bytes]
T = TypeVar("T", bound=Callable[..., Any])

_SUBMIT: Seam = (AdmissionClient, "submit")
_SERVE: Seam = (AdmissionClient, "serve")
_ANSWER_OF: Seam = (AdmissionClient, "answer_of")


def _declare(rules: Sequence[str], seams: Sequence[Seam], lift: Callable[[Any], Alteration]) -> Callable[[T], T]:
    def declare(function: T) -> T:
        ALL.declare(function, rules, seams, lift(function))
        return function

    return declare


def _as_it_is(alter: Alteration) -> Alteration:
    return alter


def pods(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """Every pod that was admitted is changed in its place."""

    def lift(alter: Callable[[Object], None]) -> Alteration:
        def change(answer: Answer) -> Answer:
            if answer.stored is None or answer.stored["kind"] != "Pod":
                return answer
            pod = deepcopy(answer.stored)
            alter(pod)
            return replace(answer, stored=pod)

        return change

    return _declare(rules, [_SUBMIT], lift)


def answers(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Every answer to a pod is replaced."""
    return _declare(rules, [_SUBMIT], _as_it_is)


def services(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Every answer to an InferenceService is replaced."""
    return _declare(rules, [_SERVE], _as_it_is)


def manifests(*rules: str) -> Callable[[Callable[[Answer], Answer]], Callable[[Answer], Answer]]:
    """Every answer to a manifest in a doubtful shape is replaced."""
    return _declare(rules, [_ANSWER_OF], _as_it_is)


def refusals(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """The words of every refusal are replaced, whoever refuses."""

    def lift(alter: Callable[[str], str]) -> Alteration:
        def change(answer: Answer) -> Answer:
            return answer if answer.stored is not None else replace(answer, refusal=alter(answer.refusal))

        return change

    return _declare(rules, [_SUBMIT, _SERVE], lift)


def statuses(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """The status of every InferenceService, as JSON, is replaced."""
    return _declare(rules, [(AdmissionClient, "_state")], _as_it_is)


def namings(*rules: str) -> Callable[[Callable[[dict[str, str]], dict[str, str]]], Alteration]:
    """The annotation by which KServe's configuration has a Secret named is replaced."""
    return _declare(rules, [(AdmissionClient, "naming")], _as_it_is)


def webhooks(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """The configuration of the webhook for pods is changed in its place."""
    return _declare(rules, [(Admission, "pod_webhook")], _in_a_copy)


def _in_a_copy(alter: Callable[[Object], None]) -> Alteration:
    def change(found: Object) -> Object:
        changed = deepcopy(found)
        alter(changed)
        return changed

    return change


def defaults(*rules: str) -> Callable[[Callable[[Object], None]], Callable[[Object], None]]:
    """The spec of the storage container that the installation brings is changed in its place."""

    def lift(alter: Callable[[Object], None]) -> Alteration:
        def change(found: Any) -> Any:  # noqa: ANN401 - whatever the client read
            if not isinstance(found, STORAGE_CONTAINER):
                return found
            return STORAGE_CONTAINER.from_dict({**found, "spec": _in_a_copy(alter)(found["spec"])})

        return change

    return _declare(rules, [(lightkube.Client, "get")], lift)


def running(*rules: str) -> Callable[[Callable[[Served], Served]], Callable[[Served], Served]]:
    """What became of every service that really ran is replaced."""
    return _declare(rules, [(InferenceServices, "outcome")], _as_it_is)


def successors(*rules: str) -> Callable[[Callable[[Served], Served]], Callable[[Served], Served]]:
    """What became of every pod that took another's place is replaced."""
    return _declare(rules, [(InferenceServices, "replace_pod")], _as_it_is)


def contents(*rules: str) -> Callable[[Callable[[Files], Files]], Callable[[Files], Files]]:
    """The files that are found on every claim are replaced."""
    return _declare(rules, [(InferenceServices, "content")], _as_it_is)


def later(*rules: str) -> Callable[[Callable[[Served], Served]], Callable[[Served], Served]]:
    """A pod that is looked at once more is replaced."""
    return _declare(rules, [(InferenceServices, "look_again")], _as_it_is)


def replicas(*rules: str) -> Callable[[Callable[[list[Inspection]], list[Inspection]]], Alteration]:
    """What the replicas of a service see is replaced."""
    return _declare(rules, [(InferenceServices, "scale")], _as_it_is)


def failures(*rules: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """What the status of a service that ran says of a failed load is replaced."""
    return _declare(rules, [(InferenceServices, "failure_told")], _as_it_is)
