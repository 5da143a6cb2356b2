"""What is applied for each KServe release, both ways: rendered here, without a cluster."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from clusters.base import Cluster
from clusters.kind import Kind
from clusters.kserve.adaptations import (
    MANAGER,
    NAMESPACE,
    WORKLOADS,
    Object,
    adapt,
    certified,
    references,
    webhook_services,
)
from clusters.kserve.api import of_kind
from clusters.kserve.certificate import webhook_certificate
from clusters.kserve.controllers import WEBHOOKS, chosen, controllers_of
from clusters.kserve.install import install
from clusters.kserve.manifests import rendered
from clusters.kserve.releases import WAYS, How, NoKServe, find, installable, newest_installable

NOWHERE = Cluster("none", "kind", "v1", Path("/nonexistent"), "none", "published", "a test")
BOTH_WAYS = [(release, how) for release in installable() for how in WAYS if how == "helm" or find(release).manifests]


@cache
def _adapted(release: str, how: How) -> tuple[list[Object], list[str]]:
    return adapt(rendered(find(release), how, {}), find(release))


def _one(objects: list[Object], kind: str, name: str = "") -> Object:
    [found] = [one for one in objects if one["kind"] == kind and name in ("", one["metadata"]["name"])]
    return found


def _pod_webhook(objects: list[Object]) -> Object:
    hooks = _one(objects, "MutatingWebhookConfiguration", "inferenceservice.serving.kserve.io")["webhooks"]
    [hook] = [hook for hook in hooks if hook["name"].endswith(".pod-mutator")]
    return dict(hook)


def _section(objects: list[Object], name: str) -> dict[str, Any]:
    data = _one(objects, "ConfigMap", "inferenceservice-config")["data"]
    return dict(json.loads(data[name]))


@pytest.mark.parametrize(("release", "how"), BOTH_WAYS)
def test_a_release_is_its_manager_and_what_that_serves(release: str, how: How) -> None:
    objects, notes = _adapted(release, how)
    [container] = _one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == references(objects)[MANAGER] == f"kserve/kserve-controller:v{release}"
    assert _one(objects, "Namespace")["metadata"]["name"] == NAMESPACE
    assert _section(objects, "deploy")["defaultDeploymentMode"] == find(release).mode
    assert _section(objects, "storageInitializer")["image"] == f"kserve/storage-initializer:v{release}"
    assert any("certificate" in note for note in notes)
    for one in objects:
        assert of_kind(one["kind"])
    for hooks in (one["webhooks"] for one in objects if "webhooks" in one):
        assert {hook["clientConfig"]["service"]["name"] for hook in hooks} == {"kserve-webhook-server-service"}


@pytest.mark.parametrize(("release", "how"), BOTH_WAYS)
def test_only_charts_before_0_17_inject_into_namespaces_of_control_planes(release: str, how: How) -> None:
    minor = int(release.split(".")[1])
    selector = _pod_webhook(_adapted(release, how)[0]).get("namespaceSelector")
    assert bool(selector) == (how == "manifests" or minor >= 17)


@pytest.mark.parametrize(
    ("release", "how", "label"),
    [("0.15.2", "manifests", "kserve-controller-manager"), ("0.20.0", "manifests", None), ("0.15.2", "helm", None)],
)
def test_the_namespace_has_the_label_that_upstream_gives_it(release: str, how: How, label: str | None) -> None:
    namespace = _one(_adapted(release, how)[0], "Namespace")
    assert namespace["metadata"].get("labels", {}).get("control-plane") == label


def test_values_of_a_chart_reach_the_configmap_and_the_default_storage_container() -> None:
    release = find(newest_installable())
    objects = rendered(release, "helm", {"kserve.storage.image": "example.com/mine", "kserve.storage.tag": "1"})
    assert _section(objects, "storageInitializer")["image"] == "example.com/mine:1"
    container = _one(objects, "ClusterStorageContainer")["spec"]["container"]
    assert container["image"] == "example.com/mine:1"


def test_values_of_manifests_are_fields_of_the_configmap() -> None:
    release = find(newest_installable())
    objects = rendered(release, "manifests", {"storageInitializer.cpuLimit": "2"})
    assert _section(objects, "storageInitializer")["cpuLimit"] == "2"
    assert _section(objects, "storageInitializer")["memoryLimit"] == "1Gi"
    with pytest.raises(NoKServe, match=r"no section for 'storage\.image'.*storageInitializer"):
        rendered(release, "manifests", {"storage.image": "x"})


def _with_controllers(release: str, how: How, *names: str) -> list[Object]:
    entry = find(release)
    beside = chosen(names, entry)
    return adapt(rendered(entry, how, {}, beside), entry, beside)[0]


WITH_LLMISVC = [pair for pair in BOTH_WAYS if "llmisvc" in {one.name for one in controllers_of(find(pair[0]))}]


@pytest.mark.parametrize(("release", "how"), WITH_LLMISVC)
def test_a_chosen_controller_is_there_whole(release: str, how: How) -> None:
    """Its Deployment, rights, kinds, webhooks and presets; nothing of the controllers that are not chosen."""
    objects = _with_controllers(release, how, "llmisvc")
    [name] = set(references(objects)) - {MANAGER}  # a chart adds a prefix
    assert name.endswith("llmisvc-controller-manager")
    assert references(objects)[name] == f"kserve/llmisvc-controller:v{release}"
    kinds = {one["spec"]["names"]["kind"] for one in objects if one["kind"] == "CustomResourceDefinition"}
    assert {"LLMInferenceService", "LLMInferenceServiceConfig", "LeaderWorkerSet", "InferenceService"} <= kinds
    pod = _one(objects, "Deployment", name)["spec"]["template"]["spec"]
    assert _one(objects, "ServiceAccount", pod["serviceAccountName"])
    assert _one(objects, "LLMInferenceServiceConfig", "kserve-config-llm-template")
    assert webhook_services(objects) == ["kserve-webhook-server-service", "llmisvc-webhook-server-service"]
    [container] = pod["containers"]
    assert "cpu" not in container["resources"]["limits"]
    assert container["readinessProbe"]["periodSeconds"] == 1
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("release", ["0.15.2", "0.17.0", "0.20.0"])
def test_the_local_model_cache_has_a_controller_and_an_agent(release: str) -> None:
    how: How = "manifests" if find(release).manifests else "helm"
    found = references(_with_controllers(release, how, "localmodel", "localmodelnode"))
    assert set(found) == {MANAGER, "kserve-localmodel-controller-manager", "kserve-localmodelnode-agent"}
    assert set(references(_with_controllers(release, how, "localmodel"))) == set(found) - {
        "kserve-localmodelnode-agent"
    }


def test_a_controller_that_a_release_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(NoKServe, match=r"KServe 0\.15\.2 has no controller llmisvc: it has localmodel, localmodelnode"):
        install(NOWHERE, Kind("none"), "0.15.2", controllers=["llmisvc"])
    with pytest.raises(NoKServe, match=r"KServe 0\.11\.2 has no controller llmisvc: it has no optional controller"):
        install(NOWHERE, Kind("none"), "0.11.2", controllers=["llmisvc"])


@pytest.mark.parametrize("names", [(), ("llmisvc",)])
def test_every_webhook_trusts_the_authority_of_the_certificate_beside(names: tuple[str, ...]) -> None:
    adapted = _with_controllers("0.20.0", "manifests", *names)
    services = webhook_services(adapted)
    certificate = webhook_certificate(NAMESPACE, services)
    objects = certified(adapted, certificate)
    authority = x509.load_pem_x509_certificate(base64.b64decode(certificate.authority))
    secrets = [one for one in objects if one["kind"] == "Secret" and one.get("type") == "kubernetes.io/tls"]
    assert len(secrets) == len(services)
    for secret in secrets:
        server = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
        server.verify_directly_issued_by(authority)
        hosts = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        service = secret["metadata"]["name"].replace("-cert", "-service")
        assert f"{service}.kserve.svc" in hosts.get_values_for_type(x509.DNSName)
    mounted = {
        volume["secret"]["secretName"]
        for one in objects
        if one["kind"] in WORKLOADS
        for volume in one["spec"]["template"]["spec"].get("volumes", [])
        if "secret" in volume
    }
    assert mounted == {secret["metadata"]["name"] for secret in secrets}
    hooks = [hook for one in objects if one["kind"] in WEBHOOKS for hook in one["webhooks"]]
    assert {hook["clientConfig"]["caBundle"] for hook in hooks} == {certificate.authority}


def test_an_unknown_release_or_way_is_refused_with_those_that_exist() -> None:
    with pytest.raises(NoKServe, match=r"KServe 0\.5\.0: choose one of 0\.11\.2, .*0\.20\.0"):
        install(NOWHERE, Kind("none"), "0.5.0")
    with pytest.raises(NoKServe, match="'kustomize' is no way to install KServe; use manifests or helm"):
        install(NOWHERE, Kind("none"), "0.20.0", "kustomize")  # type: ignore[arg-type]
