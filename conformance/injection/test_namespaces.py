"""Namespaces: where the webhook injects, and why it does not elsewhere."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from scenarios.cluster.kubernetes import INITIALIZER, MODELS, container, secret

#: Pod and container settings that Pod Security `restricted` requires.
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@rule("NS-001")
def test_an_ordinary_namespace(admission: Admission) -> None:
    """The namespace has only the labels that Kubernetes and the suite set."""
    assert admission.inject(namespace=admission.namespace()).init_names == [INITIALIZER]


@rule("NS-002")
@pytest.mark.parametrize("value", ["kserve-controller-manager", "other", ""], ids=["kserve", "other", "empty"])
def test_the_label_keeps_the_webhook_away(admission: Admission, value: str) -> None:
    """A user deploys a model in an operator's namespace."""
    namespace = admission.namespace({"control-plane": value})
    pod = admission.inject(namespace=namespace)
    assert pod.init_names == [], f"the webhook ignored the label control-plane={value} of {namespace}"
    assert "namespaceSelector" in pod.why_not()


@rule("NS-003")
def test_the_name_does_not_decide(admission: Admission) -> None:
    """The namespace's name has the same prefix as KServe's."""
    assert admission.inject(namespace=admission.namespace(prefix="kserve")).init_names == [INITIALIZER]


@rule("NS-003")
def test_in_kserves_own_namespace_the_label_decides(admission: Admission) -> None:
    """Some installations label KServe's namespace and others do not. Some charts ignore labels entirely."""
    own = admission.api.system
    excluded = "control-plane" in admission.api.labels(own) and bool(admission.pod_webhook().get("namespaceSelector"))
    pod = admission.inject(namespace=own)
    assert pod.init_names == ([] if excluded else [INITIALIZER]), f"{own} has the labels {admission.api.labels(own)}"


@rule("NS-004")
def test_without_the_label_new_pods_are_injected(admission: Admission) -> None:
    """To fix the service, the user removes the label and deletes the pod."""
    namespace = admission.namespace({"control-plane": "kserve-controller-manager"})
    admission.api.label(namespace, {"control-plane": None})
    assert admission.api.until(lambda: admission.inject(namespace=namespace).init_names == [INITIALIZER])


@rule("NS-005")
def test_a_restricted_namespace(admission: Admission) -> None:
    """The pod's own containers comply, so the container that KServe adds must comply too."""
    namespace = admission.namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    pod = admission.inject(namespace=namespace, containers=[container(securityContext=RESTRICTED)])
    assert MODELS in pod.initializer.mounts


@rule("NS-006")
def test_secrets_of_another_tenant(admission: Admission) -> None:
    """The annotation names a Secret that exists only in another namespace."""
    theirs, ours = admission.namespace(), admission.namespace()
    name = admission.name("keys")
    admission.create(secret(name, {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}), namespace=theirs)
    assert admission.inject(namespace=theirs, annotations=admission.naming(name)).initializer.references
    assert name in admission.refusal(namespace=ours, annotations=admission.naming(name))


@rule("NS-007")
def test_a_service_is_injected_through_its_controller(admission: Admission) -> None:
    """The controller turns the user's manifest into a pod, and the webhook injects the initializer."""
    pod = admission.serve("s3://bucket/model")
    assert pod.initializer.args == ["s3://bucket/model", MODELS]
    assert pod.model_server.mounts[MODELS].read_only
