"""How the suite waits for the controller of LLMInferenceServices, without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.api.exceptions import RuleViolation
from conformance.api.llm import LLM
from scenarios.cluster import llm_inference_services
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.kubernetes import Object
from scenarios.cluster.llm_inference_services import LLMInferenceServices, presets, version_of

MISSING = 'LLMInferenceServiceConfig "kserve-config-llm-template" not found in namespaces [conformance kserve]'
SERVICE: Object = {"metadata": {"name": "model", "namespace": "conformance"}}
TEMPLATE: Object = {"kind": "Pod", "metadata": {}, "spec": {"containers": [{"name": "main", "image": "none"}]}}


def _condition(kind: str, message: str) -> Mapping[str, Any]:
    return {"conditions": [{"type": kind, "status": "False", "reason": "Some", "message": message}]}


class Playing(LLMInferenceServices):
    """A controller that plays these steps: (status, template). The last one remains."""

    def __init__(self, *steps: tuple[Mapping[str, Any], Object | None]) -> None:
        api = object.__new__(AdmissionClient)
        api.transcript = []
        super().__init__(api, "0.20.0")
        self._steps = list(steps)

    def status(self, service: Object) -> Mapping[str, Any]:  # noqa: ARG002
        return self._steps[0][0]

    def events(self, service: Object) -> list[str]:  # noqa: ARG002
        return ["Error: forbidden"]

    def _template(self, service: Object, role: str) -> Object | None:  # noqa: ARG002
        step = self._steps[0]
        if len(self._steps) > 1:
            self._steps.pop(0)
        return step[1]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_inference_services, "FAILED_FOR_S", 0.1)


def test_a_missing_preset_is_named() -> None:
    services = Playing((_condition("PresetsCombined", MISSING), None))
    with pytest.raises(RuleViolation, match=r"refused the LLMInferenceService: PresetsCombined: .*kserve-config-llm"):
        LLM(services).template(SERVICE)


def test_a_failure_that_passes_is_none() -> None:
    """The controller's caches lag behind; it tries again."""
    failing = _condition("WorkloadsReady", "ServiceAccount not found")
    assert LLM(Playing((failing, None), ({}, None), ({}, TEMPLATE))).template(SERVICE).model_server.name == "main"


def test_a_conflict_is_no_refusal() -> None:
    failing = _condition("WorkloadsReady", "Operation cannot be fulfilled: the object has been modified; try again")
    with pytest.raises(RuleViolation, match="made no workload and gave no reason"):
        LLM(Playing((failing, None))).template(SERVICE, within_s=0.2)


def test_a_silent_controller_is_told_with_what_was_seen() -> None:
    """It ends, hangs, or lacks a right: the events of the service may tell."""
    with pytest.raises(RuleViolation, match=r"no reason: the main template of model.*Error: forbidden"):
        LLM(Playing(({}, None))).template(SERVICE, within_s=0.1)


def test_a_template_that_is_not_the_wanted_one_is_returned_in_the_end() -> None:
    assert LLM(Playing(({}, TEMPLATE))).template(SERVICE, contains="never", within_s=0.1).init_names == []


def test_a_service_that_is_accepted_is_no_refusal() -> None:
    with pytest.raises(RuleViolation, match="although the rule expects a refusal"):
        LLM(Playing(({}, TEMPLATE))).refused(SERVICE)


@pytest.mark.parametrize(("release", "version"), [("0.16.0", "v1alpha1"), ("0.17.0", "v1alpha2")])
def test_the_version_of_a_release(release: str, version: str) -> None:
    assert version_of(release) == version
    assert {one["apiVersion"] for one in presets(release)} == {f"serving.kserve.io/{version}"}
