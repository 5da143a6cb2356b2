"""S3: the environment that KServe's webhook builds from the Secret, ServiceAccount and ConfigMap."""

import json
from urllib.parse import urlsplit

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from conformance.api.silence import Silence
from scenarios.stores.base import Access, Store
from scenarios.stores.s3 import S3
from scenarios.stores.webhdfs import WebHDFS

#: Key of a storage-config Secret -> the environment variable that it corresponds to.
KEYS = {
    "endpoint_url": "AWS_ENDPOINT_URL",
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "region": "AWS_DEFAULT_REGION",
}


def _config(access: Access, *without: str) -> dict[str, str]:
    """Return a storage-config Secret of type s3 with the settings of the access, except `without`."""
    return {"type": "s3"} | {key: access.environment[name] for key, name in KEYS.items() if key not in without}


def _regional(region: str) -> tuple[str, ...]:
    """Return the hosts that may serve an AWS bucket in `region`: the bucket is in the host name or in the path."""
    return (f"{{bucket}}.s3.{region}.amazonaws.com", f"s3.{region}.amazonaws.com")


def _alone(access: Access, **environment: str) -> Access:
    """Return the access with only these environment variables."""
    return Access(environment, access.mounts, access.secrets)


@rule("CRED-004", stores=("s3",))
def test_storage_config_configures_s3(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """All settings come from the JSON in STORAGE_CONFIG."""
    access = store.access()
    run = initializer.fetch(sample.uri, access=_alone(access, STORAGE_CONFIG=json.dumps(_config(access))))
    assert run.tree == sample.tree


@rule("CRED-004", stores=("webhdfs",))
def test_storage_config_configures_webhdfs(store: WebHDFS, initializer: Fetcher, sample: Sample) -> None:
    """STORAGE_CONFIG has the same settings as the mounted Secret, as JSON."""
    assert initializer.fetch(sample.uri, access=store.storage_spec()).tree == sample.tree


@rule("CRED-005")
def test_storage_override_config_wins(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """`storage.parameters` of the InferenceService override the Secret."""
    access = store.access()
    config = _config(access) | {"endpoint_url": "http://127.0.0.1:9", "region": "nowhere-1"}
    override = {key: access.environment[KEYS[key]] for key in ("endpoint_url", "region")}
    environment = {"STORAGE_CONFIG": json.dumps(config), "STORAGE_OVERRIDE_CONFIG": json.dumps(override)}
    assert initializer.fetch(sample.uri, access=_alone(access, **environment)).tree == sample.tree


@rule("CRED-006")
def test_what_storage_config_leaves_out_stays(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """The JSON has the keys but no endpoint, so the endpoint comes from the environment."""
    access = store.access()
    endpoint = access.environment["AWS_ENDPOINT_URL"]
    environment = {"AWS_ENDPOINT_URL": endpoint, "STORAGE_CONFIG": json.dumps(_config(access, "endpoint_url"))}
    assert initializer.fetch(sample.uri, access=_alone(access, **environment)).tree == sample.tree
    assert {request.host for request in store.requests()} == {urlsplit(endpoint).netloc}


#: case -> (environment, hosts that may serve the bucket). The bucket is in the host name or in the path.
ADDRESSING: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no-endpoint": ({}, ("{bucket}.s3.amazonaws.com", "s3.amazonaws.com", *_regional("us-east-1"))),
    "region": ({"AWS_DEFAULT_REGION": "eu-central-1"}, _regional("eu-central-1")),
    "legacy-endpoint": (
        {"AWS_ENDPOINT_URL": "https://s3.amazonaws.com", "AWS_DEFAULT_REGION": "eu-central-1"},
        ("{bucket}.s3.amazonaws.com", "s3.amazonaws.com"),
    ),
    "virtual-bucket": (
        {"AWS_ENDPOINT_URL": "https://s3.us-east-1.amazonaws.com", "S3_USER_VIRTUAL_BUCKET": "true"},
        ("{bucket}.s3.us-east-1.amazonaws.com",),
    ),
    "accelerate": ({"S3_USE_ACCELERATE": "true"}, ("{bucket}.s3-accelerate.amazonaws.com",)),
}


@rule("CRED-012")
@pytest.mark.parametrize("case", ADDRESSING)
def test_s3_addressing(store: S3, initializer: Fetcher, sample: Sample, case: str) -> None:
    """The endpoint, the region and the two switches determine the host."""
    environment, expected = ADDRESSING[case]
    access = store.access().without("AWS_ENDPOINT_URL", "S3_ENDPOINT", "S3_USE_HTTPS")
    run = initializer.fetch(sample.uri, access=access.plus(**environment))
    hosts = {request.host for request in store.requests()}
    if not hosts:
        run.require()
    assert hosts, "the initializer sent no request for the bucket to an AWS host"
    others = hosts - {host.format(bucket=store.container) for host in expected}
    assert not others, f"the initializer contacted other hosts: {', '.join(sorted(others))}"


@rule("CRED-013")
def test_the_region_is_used_for_the_signature(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """The credential scope of the signature contains a region other than the default."""
    run = initializer.fetch(sample.uri, environment={"AWS_DEFAULT_REGION": "eu-central-1"})
    signed = [request.headers["authorization"] for request in store.requests() if "authorization" in request.headers]
    if not signed:
        run.require()
    assert signed, "the initializer signed no request"
    assert all("/eu-central-1/s3/" in header for header in signed), "the credential scope has another region"


@rule("CRED-014")
def test_an_endpoint_with_a_trailing_slash(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """Users paste endpoints with a trailing slash."""
    access = store.access()
    endpoint = access.environment["AWS_ENDPOINT_URL"] + "/"
    assert initializer.fetch(sample.uri, access=access.plus(AWS_ENDPOINT_URL=endpoint)).tree == sample.tree


@rule("CRED-015")
def test_time_limits_and_retries_can_be_set(store: S3, initializer: Fetcher, silence: Silence) -> None:
    """The settings allow one attempt of one second. The endpoint accepts connections and never answers."""
    limits = {"S3_READ_TIMEOUT": "1", "S3_CONNECT_TIMEOUT": "1", "S3_MAX_ATTEMPTS": "1"}
    access = store.access().plus(AWS_ENDPOINT_URL=f"http://{silence.address}", **limits)
    run = initializer.fetch(store.uri("model"), access=access)
    run.assert_refused()
    assert silence.asked(), "the initializer did not connect to the endpoint"
    assert run.outcome.duration_s < 15, f"the initializer gave up only after {run.outcome.duration_s:.1f} s"


@rule("CRED-016")
def test_concurrency_can_be_set_to_one(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """On a small node, operators limit downloads to one file at a time."""
    assert initializer.fetch(sample.uri, environment=dict.fromkeys(store.concurrency, "1")).tree == sample.tree
