"""The Secret `storage-config`: from `storage.key`, `path` and `parameters` to the initializer."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.secrets_in_cluster import S3, new_account, new_secret
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import INTERNAL, secret

CONFIG = {
    "mine": json.dumps({"type": "s3", "bucket": "mine", "access_key_id": "canary-id"}),
    "default": json.dumps({"type": "s3", "bucket": "usual"}),
    "default_hdfs": json.dumps({"type": "hdfs"}),
    "bad": "{not json",
    "ftp": json.dumps({"type": "ftp"}),
    "untyped": json.dumps({"bucket": "mine"}),
    "bucketless": json.dumps({"type": "s3"}),
    "trusting": json.dumps({"type": "s3", "bucket": "mine", "cabundle_configmap": "store-authority"}),
}


def _spec(
    admission: Admission, *, key: str | None = None, parameters: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the annotations that the controller derives from `storage`, with a Secret of this test."""
    name = admission.name("config")
    admission.create(secret(name, CONFIG))
    annotations = {f"{INTERNAL}/storage-spec": "true", **admission.naming(name)}
    if key is not None:
        annotations[f"{INTERNAL}/storage-spec-key"] = key
    if parameters is not None:
        annotations[f"{INTERNAL}/storage-spec-param"] = json.dumps(parameters)
    return annotations


PLACEHOLDER = "<scheme-placeholder>://model"


@rule("ICRED-031")
def test_a_storage_config(admission: Admission) -> None:
    """The settings reach the initializer from the InferenceService. The Secret has its usual name in its namespace."""
    config = admission.name("config")
    admission.create(secret(config, CONFIG))
    storage = {"key": "mine", "path": "/models/iris"}
    initializer = admission.serve(storage=storage, annotations=admission.naming(config)).initializer
    assert initializer.references == {"STORAGE_CONFIG": (config, "mine")}
    assert initializer.args[0] == "s3://mine/models/iris"


@rule("ICRED-032")
def test_parameters_override(admission: Admission) -> None:
    """One service uses another bucket."""
    config = admission.name("config")
    admission.create(secret(config, CONFIG))
    parameters = {"bucket": "other", "region": "eu-south-2"}
    storage = {"key": "mine", "path": "iris", "parameters": parameters}
    initializer = admission.serve(storage=storage, annotations=admission.naming(config)).initializer
    assert json.loads(initializer.environment["STORAGE_OVERRIDE_CONFIG"]) == parameters
    assert initializer.args[0] == "s3://other/iris"


@rule("ICRED-033")
@pytest.mark.parametrize(
    ("parameters", "key", "uri"),
    [(None, "default", "s3://usual/model"), ({"type": "hdfs"}, "default_hdfs", "hdfs://model")],
    ids=["default", "type"],
)
def test_the_default_key(admission: Admission, parameters: dict[str, str] | None, key: str, uri: str) -> None:
    """The service gives only a path."""
    initializer = admission.inject(PLACEHOLDER, annotations=_spec(admission, parameters=parameters)).initializer
    assert initializer.references["STORAGE_CONFIG"][1] == key
    assert initializer.args[0] == uri


@rule("ICRED-034")
@pytest.mark.parametrize(
    "key",
    ["absent", "bad", "ftp", "untyped", "bucketless"],
    ids=["no-key", "no-json", "unknown-type", "no-type", "no-bucket"],
)
def test_a_storage_config_that_does_not_fit(admission: Admission, key: str) -> None:
    """The refusal names the error in the Secret, for its author."""
    annotations = _spec(admission, key=key)
    refusal = admission.refusal(PLACEHOLDER, annotations=annotations)
    admission.assert_words(refusal, "storage", name=admission.name("config"))


@rule("ICRED-034")
@pytest.mark.parametrize("name", ["absent-config"], ids=["no-secret"])
def test_a_storage_config_that_is_missing(admission: Admission, name: str) -> None:
    """The service names a key, but the Secret does not exist."""
    annotations = {f"{INTERNAL}/storage-spec": "true", f"{INTERNAL}/storage-spec-key": "mine", **admission.naming(name)}
    admission.assert_words(admission.refusal(PLACEHOLDER, annotations=annotations), name, name=name)


@rule("ICRED-035")
def test_a_storage_config_stands_alone(admission: Admission) -> None:
    """The ServiceAccount has keys for another store."""
    account = new_account(admission, [new_secret(admission, S3)])
    initializer = admission.inject(
        PLACEHOLDER, annotations=_spec(admission, key="mine"), serviceAccountName=account
    ).initializer
    assert set(initializer.references) == {"STORAGE_CONFIG"}


@rule("ICRED-036")
def test_the_stored_bucket_beside_a_type(admission: Admission) -> None:
    """The service repeats the type, but not the bucket."""
    annotations = _spec(admission, key="mine", parameters={"type": "s3"})
    assert admission.inject(PLACEHOLDER, annotations=annotations).initializer.args[0] == "s3://mine/model"


@rule("ICRED-037")
def test_a_storage_config_with_a_ca_bundle(admission: Admission) -> None:
    """One store has a private certificate authority."""
    pod = admission.inject(PLACEHOLDER, annotations=_spec(admission, key="trusting"))
    assert pod.initializer.environment["AWS_CA_BUNDLE_CONFIGMAP"] == "store-authority"
    mounted = [pod.volumes[mount.volume] for mount in pod.initializer.mounts.values()]
    bundles = [source["configMap"]["name"] for source in mounted if "configMap" in source]
    assert bundles == ["store-authority"]


@rule("ICRED-038")
def test_the_configs_secret_by_annotation(admission: Admission) -> None:
    """The annotation applies to one service."""
    annotations = _spec(admission, key="mine")
    initializer = admission.inject(PLACEHOLDER, annotations=annotations).initializer
    assert initializer.references["STORAGE_CONFIG"] == (admission.name("config"), "mine")


@rule("ICRED-038")
def test_the_configs_secret_by_configmap(admission: Admission, kserve_config: Configuration) -> None:
    """The ConfigMap applies to the whole cluster."""
    name = admission.name("config")
    admission.create(secret(name, CONFIG))
    kserve_config.change(credentials={"storageSpecSecretName": name})
    annotations = {f"{INTERNAL}/storage-spec": "true", f"{INTERNAL}/storage-spec-key": "mine"}
    initializer = admission.inject(PLACEHOLDER, annotations=annotations).initializer
    assert initializer.references["STORAGE_CONFIG"] == (name, "mine")


@rule("ICRED-039")
def test_a_uri_and_a_path(admission: Admission) -> None:
    """The service gives two locations for one model."""
    refusal = admission.service_refusal("s3://bucket/model", storage={"key": "mine", "path": "iris"})
    admission.assert_words(refusal, "storageUri")
