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
from clusters.kserve.adaptations import NAMESPACE, Object, adapt, certified, manager_reference
from clusters.kserve.api import of_kind
from clusters.kserve.certificate import SECRET, webhook_certificate
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
    assert container["image"] == manager_reference(objects) == f"kserve/kserve-controller:v{release}"
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


def test_every_webhook_trusts_the_authority_of_the_certificate_beside() -> None:
    certificate = webhook_certificate(NAMESPACE)
    objects = certified(json.loads(json.dumps(_adapted("0.20.0", "manifests")[0])), certificate)
    authority = x509.load_pem_x509_certificate(base64.b64decode(certificate.authority))
    server = x509.load_pem_x509_certificate(base64.b64decode(_one(objects, "Secret", SECRET)["data"]["tls.crt"]))
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kserve-webhook-server-service.kserve.svc" in names.get_values_for_type(x509.DNSName)
    hooks = [hook for one in objects for hook in one.get("webhooks", [])]
    assert {hook["clientConfig"]["caBundle"] for hook in hooks} == {certificate.authority}


def test_an_unknown_release_or_way_is_refused_with_those_that_exist() -> None:
    with pytest.raises(NoKServe, match=r"KServe 0\.5\.0: choose one of 0\.11\.2, .*0\.20\.0"):
        install(NOWHERE, Kind("none"), "0.5.0")
    with pytest.raises(NoKServe, match="'kustomize' is no way to install KServe; use manifests or helm"):
        install(NOWHERE, Kind("none"), "0.20.0", "kustomize")  # type: ignore[arg-type]
