"""S3 credentials and settings: Secret, annotations, role, and cluster-wide settings."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.secrets_in_cluster import S3, SERVING, inject_with, new_account, new_secret
from scenarios.cluster.configuration import Configuration


def _s3(admission: Admission, **annotations: str) -> dict[str, str]:
    return inject_with(admission, S3, **annotations)[0].initializer.environment


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
    """Annotations of the Secret hold the settings that are not secret."""
    assert _s3(admission, **{annotation: value})[variable] == value


@rule("ICRED-009")
def test_an_accelerated_endpoint(admission: Admission) -> None:
    """The annotation enables S3 transfer acceleration."""
    assert _s3(admission, s3_useaccelerate="true")["S3_USE_ACCELERATE"] == "true"


@rule("ICRED-010")
@pytest.mark.parametrize(
    ("https", "url"),
    [(None, "https://store:9000"), ("1", "https://store:9000"), ("0", "http://store:9000")],
    ids=["default", "on", "off"],
)
def test_the_endpoint(admission: Admission, https: str | None, url: str) -> None:
    """A self-hosted store works with and without TLS."""
    environment = _s3(admission, s3_endpoint="store:9000", **({"s3_usehttps": https} if https else {}))
    assert environment["AWS_ENDPOINT_URL"] == url
    assert environment["S3_ENDPOINT"] == "store:9000"
    assert environment.get("S3_USE_HTTPS") == https


@rule("ICRED-011")
@pytest.mark.parametrize("url", ["http://store:9000", "https://store:9000"], ids=["http", "https"])
def test_an_endpoint_with_a_scheme(admission: Admission, url: str) -> None:
    """Every other S3 client accepts an endpoint with a scheme."""
    assert _s3(admission, s3_endpoint=url)["AWS_ENDPOINT_URL"] == url


@rule("ICRED-012")
def test_no_endpoint(admission: Admission) -> None:
    """For AWS itself, the client finds the endpoint of the region."""
    assert not {"AWS_ENDPOINT_URL", "S3_ENDPOINT"} & set(_s3(admission, s3_region="eu-south-2"))


@rule("ICRED-013")
def test_a_storage_uri_for_an_endpoint(admission: Admission) -> None:
    """Users easily confuse the endpoint with the storageUri."""
    account = new_account(admission, [new_secret(admission, S3, s3_endpoint="s3://bucket/model")])
    assert "s3-endpoint" in admission.refusal(serviceAccountName=account)


@rule("ICRED-014")
def test_the_clusters_s3_settings(admission: Admission, kserve_config: Configuration) -> None:
    """The whole cluster uses one store, and one Secret sets its own region."""
    settings = {**kserve_config.section("credentials")["s3"], "s3Endpoint": "cluster:9000", "s3Region": "eu-south-1"}
    kserve_config.change(credentials={"s3": settings})
    environment = _s3(admission, s3_region="eu-south-2")
    assert environment["S3_ENDPOINT"] == "cluster:9000"
    assert environment["AWS_DEFAULT_REGION"] == "eu-south-2"


@rule("ICRED-015")
def test_keys_of_the_secret(admission: Admission) -> None:
    """Other tools create Secrets with these keys."""
    described = {"S3_ENDPOINT": "store:9000", "AWS_DEFAULT_REGION": "eu-south-1", "S3_USE_HTTPS": "0"}
    environment = inject_with(admission, {**S3, **described}, s3_region="eu-south-2")[0].initializer.environment
    assert environment["AWS_ENDPOINT_URL"] == "http://store:9000"
    assert environment["AWS_DEFAULT_REGION"] == "eu-south-2"


ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/reader", f"{SERVING}/s3-region": "eu-south-1"}


@rule("ICRED-016")
def test_a_role_is_enough(admission: Admission) -> None:
    """The cloud gives the pod its identity, so it needs no keys."""
    initializer = admission.inject(serviceAccountName=new_account(admission, [], ROLE)).initializer
    assert initializer.environment["AWS_DEFAULT_REGION"] == "eu-south-1"
    assert initializer.references == {}


@rule("ICRED-016")
def test_a_secret_wins_over_the_role(admission: Admission) -> None:
    """The ServiceAccount has both a Secret and a role."""
    name = new_secret(admission, S3, s3_region="eu-south-2")
    initializer = admission.inject(serviceAccountName=new_account(admission, [name], ROLE)).initializer
    assert initializer.variables.count("AWS_DEFAULT_REGION") == 1
    assert initializer.environment["AWS_DEFAULT_REGION"] == "eu-south-2"


@rule("ICRED-017")
def test_annotations_of_the_account(admission: Admission) -> None:
    """Users expect to set these annotations on the ServiceAccount, like those for roles."""
    account = new_account(admission, [new_secret(admission, S3)], {f"{SERVING}/s3-endpoint": "store:9000"})
    environment = admission.inject(serviceAccountName=account).initializer.environment
    assert environment.get("S3_ENDPOINT") == "store:9000"


@rule("ICRED-018")
def test_a_session_token(admission: Admission) -> None:
    """The keys are valid for one hour."""
    pod, name = inject_with(admission, {**S3, "AWS_SESSION_TOKEN": "canary-session"})
    assert pod.initializer.references.get("AWS_SESSION_TOKEN") == (name, "AWS_SESSION_TOKEN")


@rule("ICRED-019")
def test_names_of_the_s3_keys(admission: Admission, kserve_config: Configuration) -> None:
    """Another operator creates the Secrets."""
    s3 = {**kserve_config.section("credentials")["s3"], "s3AccessKeyIDName": "id", "s3SecretAccessKeyName": "key"}
    kserve_config.change(credentials={"s3": s3})
    pod, name = inject_with(admission, {"id": "canary-id", "key": "canary-key"})
    assert pod.initializer.references == {"AWS_ACCESS_KEY_ID": (name, "id"), "AWS_SECRET_ACCESS_KEY": (name, "key")}
