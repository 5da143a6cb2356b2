"""Credentials: what of Secrets and ServiceAccounts reaches the initializer, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from conformance import rule
from conformance.admission import Admission
from conformance.injection import Container, InjectedPod
from scenarios.configuration import Configuration
from scenarios.kubernetes import INTERNAL, container, secret, service_account

SERVING = "serving.kserve.io"
GOOGLE = "gcloud-application-credentials.json"
S3 = {"AWS_ACCESS_KEY_ID": "canary-id", "AWS_SECRET_ACCESS_KEY": "canary-key"}
AZURE = {
    "AZURE_CLIENT_ID": "canary-client",
    "AZURE_CLIENT_SECRET": "canary-secret",
    "AZURE_SUBSCRIPTION_ID": "canary-subscription",
    "AZURE_TENANT_ID": "canary-tenant",
}
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


def _secret(admission: Admission, data: Mapping[str, str], **annotations: str) -> str:
    """A new Secret's name; annotations as `s3_endpoint="..."`."""
    name = admission.name("keys")
    named = {f"{SERVING}/{key.replace('_', '-')}": value for key, value in annotations.items()}
    admission.create(secret(name, data, named))
    return name


def _account(admission: Admission, secrets: Sequence[str], annotations: Mapping[str, str] | None = None) -> str:
    name = admission.name("account")
    admission.create(service_account(name, secrets, annotations))
    return name


def _with(admission: Admission, data: Mapping[str, str], **annotations: str) -> tuple[InjectedPod, str]:
    """A pod whose account has one Secret, and the Secret's name."""
    name = _secret(admission, data, **annotations)
    pod = admission.inject(serviceAccountName=_account(admission, [name]))
    leaked = [value for value in data.values() if value.startswith("canary") and value in json.dumps(pod.spec)]
    assert not leaked, f"stands in the pod: {leaked}"
    return pod, name


def _s3(admission: Admission, **annotations: str) -> dict[str, str]:
    return _with(admission, S3, **annotations)[0].initializer.environment


@rule("ICRED-001")
def test_s3_keys_by_reference(admission: Admission) -> None:
    """The documented way to private buckets."""
    pod, name = _with(admission, S3)
    assert pod.initializer.references == {key: (name, key) for key in S3}


@rule("ICRED-002")
def test_only_the_accounts_own_pods(admission: Admission) -> None:
    """The keys are there, but for somebody else."""
    _account(admission, [_secret(admission, S3)])
    assert admission.inject().initializer.references == {}


@rule("ICRED-003")
def test_the_model_server_gets_none(admission: Admission) -> None:
    """Model code is not trusted with the store."""
    names = [_secret(admission, S3)]
    google = admission.name("google")
    admission.create(secret(google, {GOOGLE: "{}"}))
    account = _account(admission, [*names, google])
    pod = admission.inject(
        serviceAccountName=account, containers=[container(), container("transformer-container"), container("other")]
    )
    for one in pod.containers:
        assert one.variables == []
        assert "/var/secrets/" not in one.mounts


@rule("ICRED-004")
def test_the_model_servers_variables_stay(admission: Admission) -> None:
    """A token that is given to the predictor is not the initializer's."""
    pod = admission.inject("hf://owner/model", containers=[container(env={"HF_TOKEN": "canary-token"})])
    assert "HF_TOKEN" not in pod.initializer.variables


@rule("ICRED-005")
def test_a_named_secret(admission: Admission) -> None:
    """One model lies in another team's bucket."""
    theirs = _secret(admission, S3)
    google = admission.name("google")
    admission.create(secret(google, {GOOGLE: "{}"}))
    account = _account(admission, [google])
    pod = admission.inject(annotations=admission.naming(theirs), serviceAccountName=account)
    assert pod.initializer.references == {key: (theirs, key) for key in S3}
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in pod.initializer.variables


@rule("ICRED-040")
def test_the_annotations_key(admission: Admission) -> None:
    """Manifests that follow KServe's documentation work on every installation."""
    assert [*admission.naming("keys")] == [f"{SERVING}/storageSecretName"]


@rule("ICRED-006")
@pytest.mark.parametrize("way", ["listed", "named"])
def test_a_missing_secret(admission: Admission, way: str) -> None:
    """It was to be made later."""
    name = admission.name("absent")
    if way == "named":
        refusal = admission.refusal(annotations=admission.naming(name))
    else:
        refusal = admission.refusal(serviceAccountName=_account(admission, [name]))
    admission.assert_words(refusal.replace('\\"', '"'), name, name=name)


@rule("ICRED-007")
def test_a_missing_account(admission: Admission) -> None:
    """A typing error in serviceAccountName."""
    name = admission.name("absent")
    assert name in admission.refusal(serviceAccountName=name)


@rule("ICRED-008")
@pytest.mark.parametrize(
    ("annotation", "variable", "value"),
    [
        ("s3_region", "AWS_DEFAULT_REGION", "eu-south-2"),
        ("s3_verifyssl", "S3_VERIFY_SSL", "0"),
        ("s3_usevirtualbucket", "S3_USER_VIRTUAL_BUCKET", "true"),
        ("s3_useanoncredential", "awsAnonymousCredential", "true"),
        ("s3_cabundle", "AWS_CA_BUNDLE", "/etc/own/ca.crt"),
    ],
    ids=["region", "verifyssl", "usevirtualbucket", "useanoncredential", "cabundle"],
)
def test_annotations_of_the_secret(admission: Admission, annotation: str, variable: str, value: str) -> None:
    """Everything about the service that is no secret."""
    assert _s3(admission, **{annotation: value})[variable] == value


@rule("ICRED-009")
def test_an_accelerated_endpoint(admission: Admission) -> None:
    """S3 transfer acceleration."""
    assert _s3(admission, s3_useaccelerate="true")["S3_USE_ACCELERATE"] == "true"


@rule("ICRED-010")
@pytest.mark.parametrize(
    ("https", "url"),
    [(None, "https://store:9000"), ("1", "https://store:9000"), ("0", "http://store:9000")],
    ids=["default", "on", "off"],
)
def test_the_endpoint(admission: Admission, https: str | None, url: str) -> None:
    """A store of one's own, with and without TLS."""
    environment = _s3(admission, s3_endpoint="store:9000", **({"s3_usehttps": https} if https else {}))
    assert environment["AWS_ENDPOINT_URL"] == url
    assert environment["S3_ENDPOINT"] == "store:9000"
    assert environment.get("S3_USE_HTTPS") == https


@rule("ICRED-011")
@pytest.mark.parametrize("url", ["http://store:9000", "https://store:9000"], ids=["http", "https"])
def test_an_endpoint_with_a_scheme(admission: Admission, url: str) -> None:
    """As every other S3 client takes it."""
    assert _s3(admission, s3_endpoint=url)["AWS_ENDPOINT_URL"] == url


@rule("ICRED-012")
def test_no_endpoint(admission: Admission) -> None:
    """AWS itself, whose client finds the endpoint of the region."""
    assert not {"AWS_ENDPOINT_URL", "S3_ENDPOINT"} & set(_s3(admission, s3_region="eu-south-2"))


@rule("ICRED-013")
def test_a_storage_uri_for_an_endpoint(admission: Admission) -> None:
    """The two are easily mixed up."""
    account = _account(admission, [_secret(admission, S3, s3_endpoint="s3://bucket/model")])
    assert "s3-endpoint" in admission.refusal(serviceAccountName=account)


@rule("ICRED-014")
def test_the_clusters_s3_settings(admission: Admission, kserve_config: Configuration) -> None:
    """One store for everybody; one Secret has a region of its own."""
    settings = {**kserve_config.section("credentials")["s3"], "s3Endpoint": "cluster:9000", "s3Region": "eu-south-1"}
    kserve_config.change(credentials={"s3": settings})
    environment = _s3(admission, s3_region="eu-south-2")
    assert environment["S3_ENDPOINT"] == "cluster:9000"
    assert environment["AWS_DEFAULT_REGION"] == "eu-south-2"


@rule("ICRED-015")
def test_keys_of_the_secret(admission: Admission) -> None:
    """Secrets as other tools make them."""
    described = {"S3_ENDPOINT": "store:9000", "AWS_DEFAULT_REGION": "eu-south-1", "S3_USE_HTTPS": "0"}
    environment = _with(admission, {**S3, **described}, s3_region="eu-south-2")[0].initializer.environment
    assert environment["AWS_ENDPOINT_URL"] == "http://store:9000"
    assert environment["AWS_DEFAULT_REGION"] == "eu-south-2"


ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/reader", f"{SERVING}/s3-region": "eu-south-1"}


@rule("ICRED-016")
def test_a_role_is_enough(admission: Admission) -> None:
    """The cloud gives the pod its identity."""
    initializer = admission.inject(serviceAccountName=_account(admission, [], ROLE)).initializer
    assert initializer.environment["AWS_DEFAULT_REGION"] == "eu-south-1"
    assert initializer.references == {}


@rule("ICRED-016")
def test_a_secret_wins_over_the_role(admission: Admission) -> None:
    """Both are there."""
    name = _secret(admission, S3, s3_region="eu-south-2")
    initializer = admission.inject(serviceAccountName=_account(admission, [name], ROLE)).initializer
    assert initializer.variables.count("AWS_DEFAULT_REGION") == 1
    assert initializer.environment["AWS_DEFAULT_REGION"] == "eu-south-2"


@rule("ICRED-017")
def test_annotations_of_the_account(admission: Admission) -> None:
    """People expect them where the documentation of roles has them."""
    account = _account(admission, [_secret(admission, S3)], {f"{SERVING}/s3-endpoint": "store:9000"})
    environment = admission.inject(serviceAccountName=account).initializer.environment
    assert environment.get("S3_ENDPOINT") == "store:9000"


@rule("ICRED-018")
def test_a_session_token(admission: Admission) -> None:
    """Keys for an hour."""
    pod, name = _with(admission, {**S3, "AWS_SESSION_TOKEN": "canary-session"})
    assert pod.initializer.references.get("AWS_SESSION_TOKEN") == (name, "AWS_SESSION_TOKEN")


@rule("ICRED-019")
def test_names_of_the_s3_keys(admission: Admission, kserve_config: Configuration) -> None:
    """Secrets that another operator makes."""
    s3 = {**kserve_config.section("credentials")["s3"], "s3AccessKeyIDName": "id", "s3SecretAccessKeyName": "key"}
    kserve_config.change(credentials={"s3": s3})
    pod, name = _with(admission, {"id": "canary-id", "key": "canary-key"})
    assert pod.initializer.references == {"AWS_ACCESS_KEY_ID": (name, "id"), "AWS_SECRET_ACCESS_KEY": (name, "key")}


def _has_google_key(pod: InjectedPod, name: str, file: str) -> bool:
    mount = pod.initializer.mounts["/var/secrets/"]
    named = pod.initializer.environment["GOOGLE_APPLICATION_CREDENTIALS"]
    return (
        mount.read_only
        and pod.volumes[mount.volume]["secret"]["secretName"] == name
        and named == f"/var/secrets/{file}"
    )


@rule("ICRED-020")
def test_a_google_key_file(admission: Admission) -> None:
    """The key of a service account."""
    assert _has_google_key(*_with(admission, {GOOGLE: "canary-key-file"}), GOOGLE)


@rule("ICRED-021")
def test_the_google_files_name(admission: Admission, kserve_config: Configuration) -> None:
    """Secrets that another tool makes."""
    kserve_config.change(credentials={"gcs": {"gcsCredentialFileName": "sa.json"}})
    assert _has_google_key(*_with(admission, {"sa.json": "canary-key-file"}), "sa.json")


@rule("ICRED-022")
def test_a_secret_that_is_not_understood(admission: Admission) -> None:
    """The file has the name that Google's console gave it; later the bucket is refused to nobody in particular."""
    name = _secret(admission, {"key.json": "{}"})
    assert name in admission.refusal("gs://bucket/model", serviceAccountName=_account(admission, [name]))


@rule("ICRED-023")
@pytest.mark.parametrize("prefix", ["AZURE", "AZ"], ids=["azure", "legacy"])
def test_an_azure_principal(admission: Admission, prefix: str) -> None:
    """Today's names of the keys, and those of the first releases."""
    data = {key.replace("AZURE", prefix): value for key, value in AZURE.items()}
    pod, name = _with(admission, data)
    assert pod.initializer.references == {key: (name, key.replace("AZURE", prefix)) for key in AZURE}


@rule("ICRED-024")
def test_an_azure_access_key(admission: Admission) -> None:
    """The storage account's own key."""
    pod, name = _with(admission, {"AZURE_STORAGE_ACCESS_KEY": "canary-key"})
    assert pod.initializer.references == {"AZURE_STORAGE_ACCESS_KEY": (name, "AZURE_STORAGE_ACCESS_KEY")}


def _missing(initializer: Container, data: Mapping[str, str]) -> set[str]:
    """Keys that the initializer refers to, and must have, but that the Secret lacks: the pod could not start."""
    references = [one["valueFrom"]["secretKeyRef"] for one in initializer.raw.get("env", ()) if one.get("valueFrom")]
    return {one["key"] for one in references if not one.get("optional")} - set(data)


@rule("ICRED-025")
def test_a_workload_identity(admission: Admission) -> None:
    """The identity comes from the cluster, so there is nothing to keep secret."""
    data = {key: value for key, value in AZURE.items() if key != "AZURE_CLIENT_SECRET"}
    pod, _ = _with(admission, data)
    assert _missing(pod.initializer, data) == set()


HEADERS = {"https-host": "files.example", "headers": '{"Authorization": "canary-bearer"}'}


@rule("ICRED-026")
def test_headers_do_not_stand_in_the_pod(admission: Admission) -> None:
    """A bearer token for a file server; everybody who may read pods could read it."""
    name = _secret(admission, HEADERS)
    pod = admission.inject(serviceAccountName=_account(admission, [name]))
    assert "canary-bearer" not in json.dumps(pod.spec), "the headers stand in the pod"
    assert pod.initializer.references["files.example-headers"] == (name, "headers")


@rule("ICRED-027")
def test_headers_reach_the_initializer(admission: Admission) -> None:
    """In whatever way."""
    name = _secret(admission, HEADERS)
    pod = admission.inject(serviceAccountName=_account(admission, [name]))
    assert "files.example-headers" in pod.initializer.variables


@rule("ICRED-028")
def test_the_hdfs_secret(admission: Admission) -> None:
    """Name node, user and certificates, as files."""
    pod, name = _with(admission, {"HDFS_NAMENODE": "https://namenode:9870", "TLS_KEY": "canary-key"})
    mount = pod.initializer.mounts["/var/secrets/kserve-hdfscreds"]
    assert mount.read_only
    assert pod.volumes[mount.volume]["secret"]["secretName"] == name


@rule("ICRED-029")
def test_the_hubs_token(admission: Admission) -> None:
    """A gated model."""
    pod, name = _with(admission, {"HF_TOKEN": "canary-token"})
    assert pod.initializer.references["HF_TOKEN"] == (name, "HF_TOKEN")


@rule("ICRED-030")
def test_several_secrets(admission: Admission) -> None:
    """One account for models from everywhere."""
    kinds = {"s3": S3, "google": {GOOGLE: "{}"}, "azure": AZURE, "hdfs": {"HDFS_NAMENODE": "http://namenode"}}
    names = {kind: admission.name(kind) for kind in kinds}
    admission.create(*[secret(names[kind], data) for kind, data in kinds.items()])
    initializer = admission.inject(serviceAccountName=_account(admission, [*names.values()])).initializer
    assert {*S3, *AZURE} <= initializer.references.keys()
    assert {"/var/secrets/", "/var/secrets/kserve-hdfscreds"} <= initializer.mounts.keys()


def _spec(
    admission: Admission, *, key: str | None = None, parameters: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Annotations as the controller makes them of `storage`, with a Secret of this test's own."""
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
    """From the InferenceService to the initializer, in a namespace where it has its usual name."""
    config = admission.name("config")
    admission.create(secret(config, CONFIG))
    storage = {"key": "mine", "path": "/models/iris"}
    initializer = admission.serve(storage=storage, annotations=admission.naming(config)).initializer
    assert initializer.references == {"STORAGE_CONFIG": (config, "mine")}
    assert initializer.args[0] == "s3://mine/models/iris"


@rule("ICRED-032")
def test_parameters_override(admission: Admission) -> None:
    """Another bucket for one service."""
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
    """Nothing but a path is given."""
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
    """Whoever wrote the Secret is told what is wrong with it."""
    annotations = _spec(admission, key=key)
    refusal = admission.refusal(PLACEHOLDER, annotations=annotations)
    admission.assert_words(refusal, "storage", name=admission.name("config"))


@rule("ICRED-034")
@pytest.mark.parametrize("name", ["absent-config"], ids=["no-secret"])
def test_a_storage_config_that_is_missing(admission: Admission, name: str) -> None:
    """A key is asked for, but there is no Secret at all."""
    annotations = {f"{INTERNAL}/storage-spec": "true", f"{INTERNAL}/storage-spec-key": "mine", **admission.naming(name)}
    admission.assert_words(admission.refusal(PLACEHOLDER, annotations=annotations), name, name=name)


@rule("ICRED-035")
def test_a_storage_config_stands_alone(admission: Admission) -> None:
    """The account has keys for another store."""
    account = _account(admission, [_secret(admission, S3)])
    initializer = admission.inject(
        PLACEHOLDER, annotations=_spec(admission, key="mine"), serviceAccountName=account
    ).initializer
    assert set(initializer.references) == {"STORAGE_CONFIG"}


@rule("ICRED-036")
def test_the_stored_bucket_beside_a_type(admission: Admission) -> None:
    """The type is repeated in the service, the bucket is not."""
    annotations = _spec(admission, key="mine", parameters={"type": "s3"})
    assert admission.inject(PLACEHOLDER, annotations=annotations).initializer.args[0] == "s3://mine/model"


@rule("ICRED-037")
def test_a_storage_config_with_a_ca_bundle(admission: Admission) -> None:
    """One store has a private authority."""
    pod = admission.inject(PLACEHOLDER, annotations=_spec(admission, key="trusting"))
    assert pod.initializer.environment["AWS_CA_BUNDLE_CONFIGMAP"] == "store-authority"
    bundles = [source["configMap"]["name"] for source in pod.volumes.values() if "configMap" in source]
    assert bundles == ["store-authority"]


@rule("ICRED-038")
def test_the_configs_secret_by_annotation(admission: Admission) -> None:
    """For one service."""
    annotations = _spec(admission, key="mine")
    initializer = admission.inject(PLACEHOLDER, annotations=annotations).initializer
    assert initializer.references["STORAGE_CONFIG"] == (admission.name("config"), "mine")


@rule("ICRED-038")
def test_the_configs_secret_by_configmap(admission: Admission, kserve_config: Configuration) -> None:
    """For the whole cluster."""
    name = admission.name("config")
    admission.create(secret(name, CONFIG))
    kserve_config.change(credentials={"storageSpecSecretName": name})
    annotations = {f"{INTERNAL}/storage-spec": "true", f"{INTERNAL}/storage-spec-key": "mine"}
    initializer = admission.inject(PLACEHOLDER, annotations=annotations).initializer
    assert initializer.references["STORAGE_CONFIG"] == (name, "mine")


@rule("ICRED-039")
def test_a_uri_and_a_path(admission: Admission) -> None:
    """Two places for one model."""
    refusal = admission.service_refusal("s3://bucket/model", storage={"key": "mine", "path": "iris"})
    admission.assert_words(refusal, "storageUri")
