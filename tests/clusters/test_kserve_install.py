"""KServe in a real cluster: installed, replaced by another release, and removed without remains."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from clusters.base import Cluster
from clusters.kind import Kind
from clusters.kserve.adaptations import LABEL, MANAGER, NAMESPACE, Object
from clusters.kserve.api import of_kind, resource, until
from clusters.kserve.install import install
from clusters.kserve.installation import Installation, installed
from clusters.kserve.releases import NoKServe, newest_installable
from clusters.kserve.uninstall import uninstall

pytestmark = pytest.mark.cluster

SERVICE = resource("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices", True)
LLM_SERVICE = resource("serving.kserve.io", "v1alpha2", "LLMInferenceService", "llminferenceservices", True)
INJECTED_WITHIN_S = 30
REMOVED_WITHIN_S = 60


@pytest.fixture(scope="module")
def provider() -> Iterator[Kind]:
    provider = Kind()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def cluster(provider: Kind) -> Cluster:
    return provider.start()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = "install-test"
    cluster.client().create(of_kind("Namespace")({"metadata": {"name": name}}))
    yield name
    cluster.client().delete(of_kind("Namespace"), name)
    until(lambda: _named(cluster, "Namespace", name), REMOVED_WITHIN_S, "the namespace is removed")


def _named(cluster: Cluster, kind: str, name: str) -> str:
    return next((name for one in cluster.client().list(of_kind(kind)) if one["metadata"]["name"] == name), "")


def _service(cluster: Cluster, namespace: str) -> None:
    container = {"name": "kserve-container", "image": "none", "env": [{"name": "STORAGE_URI", "value": "s3://a/b"}]}
    metadata = {"name": "model", "namespace": namespace}
    cluster.client().create(SERVICE({"metadata": metadata, "spec": {"predictor": {"containers": [container]}}}))


def _pod(cluster: Cluster, namespace: str) -> Object:
    """The pod that comes of the InferenceService."""
    found: list[Object] = []

    def state() -> str:
        found[:] = cluster.client().list(of_kind("Pod"), namespace=namespace)
        return "" if found else "there is none"

    until(state, INJECTED_WITHIN_S, "a pod")
    return found[0]


def _remains(cluster: Cluster, release: str) -> list[str]:
    kinds = ("CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Namespace")
    hooks = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    client = cluster.client()
    return [
        one["metadata"]["name"] for kind in kinds + hooks for one in client.list(of_kind(kind), labels={LABEL: release})
    ]


def test_one_release_takes_the_place_of_another(cluster: Cluster, provider: Kind, namespace: str) -> None:
    """An InferenceService of the former goes too; one of the latter gets a pod with an initializer."""
    first = install(cluster, provider, newest_installable())
    assert (first.release, first.how, first.by_suite) == (newest_installable(), "manifests", True)
    assert first.control_plane_label is None
    assert first.notes
    _service(cluster, namespace)
    _pod(cluster, namespace)

    begun = time.monotonic()
    second = install(cluster, provider, "0.15.2")
    assert time.monotonic() - begun < 60
    assert (second.release, second.control_plane_label) == ("0.15.2", MANAGER)
    assert second == Installation(**{**installed(cluster).__dict__, "notes": second.notes})
    assert _remains(cluster, newest_installable()) == []
    assert list(cluster.client().list(SERVICE, namespace="*")) == []
    _service(cluster, namespace)
    assert [one["name"] for one in _pod(cluster, namespace)["spec"]["initContainers"]] == ["storage-initializer"]


def test_a_controller_beside_the_manager_goes_with_its_objects(
    cluster: Cluster, provider: Kind, namespace: str
) -> None:
    """Even with a service whose finalizer nobody handles any more."""
    found = install(cluster, provider, newest_installable(), controllers=["llmisvc"])
    assert found.controllers == ("llmisvc",)
    metadata = {"name": "model", "namespace": namespace, "finalizers": ["serving.kserve.io/llmisvc-finalizer"]}
    cluster.client().create(LLM_SERVICE({"metadata": metadata, "spec": {"model": {"uri": "s3://a/b"}, "replicas": 0}}))
    uninstall(cluster)
    assert _remains(cluster, newest_installable()) == []
    assert installed(cluster) is None


@pytest.mark.parametrize(("release", "selector"), [("0.15.2", False), ("0.17.0", True)])
def test_the_chart_is_another_way_to_install(cluster: Cluster, provider: Kind, release: str, *, selector: bool) -> None:
    found = install(cluster, provider, release, "helm", {"kserve.storage.image": "example.com/mine"})
    assert (found.release, found.how, found.control_plane_label) == (release, "helm", None)
    assert found.pod_webhook_has_selector == selector
    data = cluster.client().get(of_kind("ConfigMap"), "inferenceservice-config", namespace=NAMESPACE)["data"]
    assert "example.com/mine" in data["storageInitializer"]


def test_objects_whose_controller_is_gone_are_removed_all_the_same(
    cluster: Cluster, provider: Kind, namespace: str
) -> None:
    release = install(cluster, provider, newest_installable()).release
    _service(cluster, namespace)
    _pod(cluster, namespace)
    cluster.client().delete(of_kind("Deployment"), MANAGER, namespace=NAMESPACE)
    assert installed(cluster) is None
    uninstall(cluster)
    assert _remains(cluster, release) == []


def test_a_manager_that_ends_is_said_with_its_last_words(cluster: Cluster, provider: Kind) -> None:
    with pytest.raises(NoKServe, match=r"manager cannot start.*its log ends: .*ingress"):
        install(
            cluster,
            provider,
            newest_installable(),
            values={"ingress.enableGatewayApi": True, "ingress.kserveIngressGateway": ""},
        )
    uninstall(cluster)


def test_a_kserve_of_somebody_else_is_left_alone(cluster: Cluster, provider: Kind) -> None:
    install(cluster, provider, newest_installable())
    labels = {"metadata": {"labels": {LABEL: None}}}
    cluster.client().patch(of_kind("Deployment"), MANAGER, labels, namespace=NAMESPACE)
    found = installed(cluster)
    assert found
    assert (found.release, found.by_suite) == (newest_installable(), False)
    with pytest.raises(NoKServe, match=rf"KServe {newest_installable()} is already installed in namespace {NAMESPACE}"):
        install(cluster, provider, "0.15.2")
    uninstall(cluster)
