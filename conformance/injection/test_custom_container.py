"""Custom storage containers: which one KServe selects for a URI, and which of its settings reach the pod."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lightkube.generic_resource import create_global_resource

from conformance import rule
from conformance.api.admission import Admission
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import (
    GROUP,
    INTERNAL,
    MODELS,
    STORAGE_CONTAINER,
    Object,
    secret,
    service_account,
    storage_container,
)

IMAGE = "registry.example/team/initializer:2"
#: URIs that the default storage container supports in every release.
DEFAULT = {
    "gs": "gs://b/m",
    "s3": "s3://b/m",
    "hdfs": "hdfs://m",
    "webhdfs": "webhdfs://m",
    "azure-blob": "https://a.blob.core.windows.net/c/m",
    "azure-files": "https://a.file.core.windows.net/s/m",
    "http": "http://h/m.bin",
    "https": "https://h/m.bin",
}
#: The API version in published manifests, which no release serves.
V1BETA1 = create_global_resource(GROUP, "v1beta1", "ClusterStorageContainer", "clusterstoragecontainers")
#: The annotation in which the controller passes a `storageContainerName` to the webhook.
CHOSEN = f"{INTERNAL}/storage-container-name"


def _container(admission: Admission, container: dict[str, Any] | None = None, **fields: Any) -> Object:  # noqa: ANN401
    """Return a storage container for a scheme that only this test uses."""
    formats = [{"prefix": f"{admission.scheme()}://"}]
    return storage_container(admission.name("csc"), formats, {"image": IMAGE, **(container or {})}, **fields)


@rule("CSC-001")
def test_a_declared_scheme(admission: Admission) -> None:
    """A vendor's own scheme works from the InferenceService to the pod."""
    uri = f"{admission.scheme()}://iris/v1"
    admission.create(_container(admission))
    initializer = admission.serve(uri).initializer
    assert initializer.image == IMAGE
    assert initializer.args == [uri, MODELS]


@rule("CSC-002")
def test_a_pattern(admission: Admission) -> None:
    """The pattern selects the vendor's container for tagged models only."""
    formats = [{"regex": rf"^{admission.scheme()}://[a-z]+/v[0-9]+$"}]
    admission.create(storage_container(admission.name("csc"), formats, {"image": IMAGE}))
    assert admission.inject(f"{admission.scheme()}://iris/v1").initializer.image == IMAGE
    assert admission.inject(f"{admission.scheme()}://iris/latest").initializer.image != IMAGE


@rule("CSC-003")
def test_it_wins_over_the_configmap(admission: Admission) -> None:
    """The vendor's container sets its own image, resources and variables."""
    resources = {"limits": {"cpu": "3", "memory": "5Gi"}, "requests": {"cpu": "2", "memory": "4Gi"}}
    admission.create(_container(admission, {"resources": resources, "env": [{"name": "REGISTRY", "value": "r:8080"}]}))
    initializer = admission.inject(f"{admission.scheme()}://iris").initializer
    assert initializer.image == IMAGE
    assert (initializer.limits, initializer.requests) == (resources["limits"], resources["requests"])
    assert initializer.environment["REGISTRY"] == "r:8080"


@rule("CSC-004")
def test_what_it_leaves_out(admission: Admission) -> None:
    """The storage container declares only one limit."""
    ordinary = admission.inject(f"{admission.scheme()}://iris").initializer
    manifest = _container(admission, {"resources": {"limits": {"memory": "5Gi"}}})
    del manifest["spec"]["container"]["image"]
    admission.create(manifest)
    initializer = admission.inject(f"{admission.scheme()}://iris").initializer
    assert initializer.image == ordinary.image
    assert initializer.limits == {**ordinary.limits, "memory": "5Gi"}
    assert initializer.requests == ordinary.requests
    assert initializer.mounts == ordinary.mounts
    assert initializer.raw["terminationMessagePolicy"] == "FallbackToLogsOnError"


@rule("CSC-005")
@pytest.mark.parametrize("name", ["HF_XET_HIGH_PERFORMANCE", "HTTPS_PROXY"], ids=["default-of-kserve", "other"])
def test_variables_arrive_once(admission: Admission, name: str) -> None:
    """The storage container sets a variable that KServe also sets, and another that KServe does not set."""
    admission.create(_container(admission, {"env": [{"name": name, "value": "mine"}]}))
    initializer = admission.inject(f"{admission.scheme()}://iris").initializer
    assert initializer.variables.count(name) == 1
    assert initializer.environment[name] == "mine"


@rule("CSC-006")
def test_a_value_instead_of_a_reference(admission: Admission) -> None:
    """The ServiceAccount has keys, and the storage container sets its own value."""
    keys, account = admission.name("keys"), admission.name("account")
    admission.create(secret(keys, {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}))
    admission.create(service_account(account, [keys]))
    admission.create(_container(admission, {"env": [{"name": "AWS_ACCESS_KEY_ID", "value": "mine"}]}))
    initializer = admission.inject(f"{admission.scheme()}://iris", serviceAccountName=account).initializer
    assert initializer.environment.get("AWS_ACCESS_KEY_ID") == "mine"
    assert initializer.references["AWS_SECRET_ACCESS_KEY"] == (keys, "AWS_SECRET_ACCESS_KEY")


@rule("CSC-007")
def test_a_container_of_another_name(admission: Admission) -> None:
    """The vendor names the container after its product, and another webhook changes the pod."""
    admission.create(_container(admission, {"name": "kit-storage-initializer"}))
    once = admission.inject(f"{admission.scheme()}://iris")
    assert once.init_names == ["kit-storage-initializer"]
    assert admission.again(once).spec == once.spec


@rule("CSC-008")
def test_a_disabled_one(admission: Admission) -> None:
    """KServe does not use a disabled storage container."""
    admission.create(_container(admission, disabled=True))
    assert admission.inject(f"{admission.scheme()}://iris").initializer.image != IMAGE


@rule("CSC-009")
def test_one_for_other_work(admission: Admission) -> None:
    """KServe does not use a storage container for downloads to a node's model cache."""
    admission.create(_container(admission, workloadType="localModelDownloadJob"))
    assert admission.inject(f"{admission.scheme()}://iris").initializer.image != IMAGE


@rule("CSC-010")
def test_one_chosen_by_name(admission: Admission) -> None:
    """Two containers support one scheme, and the service names one."""
    formats = [{"prefix": f"{admission.scheme()}://"}]
    first, second = admission.name("first"), admission.name("second")
    admission.create(*[storage_container(name, formats, {"image": name}) for name in (first, second)])
    for name in (first, second):
        pod = admission.serve(f"{admission.scheme()}://iris", predictor={"storageContainerName": name})
        assert pod.initializer.image == name


@rule("CSC-011")
@pytest.mark.parametrize(
    "fields",
    [None, {"disabled": True}, {"workloadType": "localModelDownloadJob"}, {}],
    ids=["missing", "disabled", "workload-type", "other-uri"],
)
def test_a_name_that_cannot_be_used(admission: Admission, fields: dict[str, Any] | None) -> None:
    """KServe knows the URI's scheme, so it could wrongly fall back to another container."""
    name, uri = admission.name("csc"), "s3://bucket/model"
    if fields is not None:
        admission.create(_container(admission, **fields))
    refusal = admission.refusal(uri, annotations={CHOSEN: name})
    admission.assert_words(refusal.replace('\\"', '"'), name, name=name, uri=uri)


@rule("CSC-012")
def test_of_two_one_is_used_whole(admission: Admission) -> None:
    """Two vendors declare the same scheme. Which one KServe uses is undefined, but it must not mix them."""
    formats = [{"prefix": f"{admission.scheme()}://"}]
    names = [admission.name("first"), admission.name("second")]
    for name in names:
        declared = {"image": name, "env": [{"name": f"OF_{name[:5].upper()}", "value": name}]}
        admission.create(storage_container(name, formats, declared))
    initializer = admission.inject(f"{admission.scheme()}://iris").initializer
    assert initializer.image in names
    assert [value for value in initializer.environment.values() if value in names] == [initializer.image]


@rule("CSC-013")
def test_a_pattern_that_is_none(admission: Admission, kserve_config: Configuration) -> None:
    """An administrator's manifest has a typo. It affects every pod, so this test runs alone."""
    broken = storage_container(admission.name("csc"), [{"regex": "s3://(unclosed"}])
    assert kserve_config.section("storageInitializer")
    with admission.api.temporarily(broken):
        refused = admission.api.until(lambda: admission.api.answer(_any_pod(admission)).stored is None)
        assert refused, "the API server admitted a pod"
        admission.assert_words(admission.refusal(_any_uri(admission)), broken["metadata"]["name"], **broken["metadata"])


def _any_uri(admission: Admission) -> str:
    return f"{admission.scheme()}://iris"


def _any_pod(admission: Admission) -> Object:
    return admission.api.pod(_any_uri(admission))


@rule("CSC-014")
@pytest.mark.parametrize("shape", ["v1beta1", "strings", "within-container"])
def test_a_manifest_in_another_shape(admission: Admission, shape: str) -> None:
    """Vendors and articles published such manifests."""
    manifest, resource = _container(admission), STORAGE_CONTAINER
    if shape == "v1beta1":
        manifest["apiVersion"], resource = f"{GROUP}/v1beta1", V1BETA1
    elif shape == "strings":
        manifest["spec"]["supportedUriFormats"] = ["model-registry://*"]
    else:
        manifest["spec"]["container"]["supportedUriFormats"] = manifest["spec"].pop("supportedUriFormats")
    assert admission.api.answer_of(resource, manifest).stored is None, "the API server admitted it"


@rule("CSC-015")
def test_a_change_is_seen_by_the_next_pod(admission: Admission) -> None:
    """An operator upgrades the container and rolls back."""
    manifest = _container(admission)
    admission.create(manifest)
    uri = f"{admission.scheme()}://iris"
    admission.api.replace(_container(admission, {"image": f"{IMAGE}-next"}))
    assert admission.inject(uri).initializer.image == f"{IMAGE}-next"
    admission.api.replace(manifest)
    assert admission.inject(uri).initializer.image == IMAGE
    admission.api.remove(manifest)
    assert admission.inject(uri).initializer.image != IMAGE


@rule("CSC-016")
def test_uris_out_of_a_storage_config(admission: Admission, kserve_config: Configuration) -> None:
    """A team's bucket has its own container, and no other container supports S3."""
    kserve_config.switch("default", disabled=True)
    bucket, config = f"bucket-{admission.api.token}", admission.name("config")
    admission.create(secret(config, {"mine": f'{{"type": "s3", "bucket": "{bucket}"}}'}))
    admission.create(storage_container(admission.name("csc"), [{"prefix": f"s3://{bucket}"}], {"image": IMAGE}))
    annotations = {
        f"{INTERNAL}/storage-spec": "true",
        f"{INTERNAL}/storage-spec-key": "mine",
        **admission.naming(config),
    }
    initializer = admission.inject("<scheme-placeholder>://model", annotations=annotations).initializer
    assert initializer.args[0] == f"s3://{bucket}/model"
    assert initializer.image == IMAGE


def _default_matches(admission: Admission, uri: str) -> bool:
    """Return whether a format of the default storage container matches `uri`, by KServe's own matching."""
    default = admission.api.client.get(STORAGE_CONTAINER, "default")
    return any(
        uri.startswith(one["prefix"]) if one.get("prefix") else bool(re.search(one["regex"], uri))
        for one in default["spec"]["supportedUriFormats"]
    )


@rule("CSC-017")
@pytest.mark.parametrize("uri", DEFAULT.values(), ids=DEFAULT)
def test_the_default_knows_kserves_schemes(admission: Admission, uri: str) -> None:
    """Without a matching format, these URIs would still work, but with other settings."""
    assert _default_matches(admission, uri), f"no format matches {uri}"


@rule("CSC-018")
def test_the_default_knows_the_hub(admission: Admission) -> None:
    """Hugging Face is the newest of KServe's own stores."""
    assert _default_matches(admission, "hf://owner/model"), "no format matches hf://"
