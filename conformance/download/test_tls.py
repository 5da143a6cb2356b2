"""TLS: a private certificate authority is accepted when it is configured, and only then."""

from pathlib import Path

import pytest

from conformance import rule
from conformance.api.fetch import Fetcher
from conformance.api.samples import Sample
from scenarios.network.view import CA_PATH, Gateway
from scenarios.stores.base import Store
from scenarios.stores.s3 import S3
from scenarios.stores.webhdfs import WebHDFS

#: Where KServe's webhook mounts the ConfigMap with the CA bundle, by default.
CUSTOM_CERTS = "/etc/ssl/custom-certs"
CONFIGMAP = {"CA_BUNDLE_CONFIGMAP_NAME": "global-ca-bundle", "CA_BUNDLE_VOLUME_MOUNT_POINT": CUSTOM_CERTS}

#: How an authority is given to the S3 downloader; AWS_CA_BUNDLE alone counts since 0.16 by KServe's own code, and
#: before by boto3's.
GIVEN = {"aws-ca-bundle": {"AWS_CA_BUNDLE": CA_PATH}, "configmap": CONFIGMAP}


Settings = dict[str, str]
Mounts = dict[str, Path]


@pytest.fixture
def bundle(gateway: Gateway) -> Mounts:
    """The suite's authority where the webhook mounts a CA bundle."""
    return {f"{CUSTOM_CERTS}/cabundle.crt": gateway.ca}


@rule("CRED-007")
@pytest.mark.parametrize(
    "settings", [*GIVEN.values(), CONFIGMAP | {"S3_VERIFY_SSL": "1"}], ids=[*GIVEN, "configmap-verify"]
)
def test_an_own_authority_makes_tls_work(
    store: S3, initializer: Fetcher, sample: Sample, bundle: Mounts, settings: Settings
) -> None:
    """MinIO and the like in a company's network have certificates of the company."""
    access = store.over_tls()
    run = initializer.fetch(sample.uri, access=access, environment=settings, mounts=bundle, trust=False, way="tls")
    assert run.tree == sample.tree


@rule("CRED-008")
@pytest.mark.parametrize("verify", ["0", "false", "False"])
def test_verification_can_be_switched_off(store: S3, initializer: Fetcher, sample: Sample, verify: str) -> None:
    """S3_VERIFY_SSL as the annotation s3-verifyssl sets it, without any authority."""
    environment = {"S3_VERIFY_SSL": verify}
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=environment, trust=False, way="tls")
    assert run.tree == sample.tree


@rule("CRED-008")
def test_verification_can_be_asked_for(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """The annotation with the value that is the default: nobody meant to switch anything off."""
    environment = {"S3_VERIFY_SSL": "1"}
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=environment, trust=False, way="tls")
    run.assert_failed()
    assert not run.delivered, "something was delivered"


@rule("CRED-009")
def test_an_unknown_authority_is_refused(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Nobody said that this certificate is to be trusted."""
    run = initializer.fetch(sample.uri, access=store.over_tls(), trust=False, way="tls", timeout_s=150)
    run.assert_refused()
    assert not run.delivered, "something was delivered"


@rule("CRED-010")
@pytest.mark.parametrize("given", GIVEN)
def test_a_missing_ca_bundle_is_an_error(store: S3, initializer: Fetcher, sample: Sample, given: str) -> None:
    """The ConfigMap lacks the key, or the path has a typing error."""
    file = "cabundle.crt" if given == "configmap" else "missing.crt"
    environment = CONFIGMAP if given == "configmap" else {"AWS_CA_BUNDLE": f"{CUSTOM_CERTS}/{file}"}
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=environment, trust=False, way="tls")
    run.assert_refused(names=file)


@rule("CRED-011")
def test_the_global_bundle_holds_for_every_store(initializer: Fetcher, sample: Sample, bundle: Mounts) -> None:
    """caBundleConfigMapName is set once for the cluster, and everybody expects it to count for every store."""
    assert initializer.fetch(sample.uri, environment=CONFIGMAP, mounts=bundle, trust=False).tree == sample.tree


@rule("CRED-027")
@pytest.mark.parametrize("setting", ["authority", "skip"])
def test_tls_of_hdfs_follows_its_own_settings(
    store: WebHDFS, initializer: Fetcher, sample: Sample, gateway: Gateway, setting: str
) -> None:
    """The Secret has a file for each: TLS_CA with the certificate, TLS_SKIP_VERIFY with a word."""
    settings = {"TLS_CA": gateway.ca.read_text()} if setting == "authority" else {"TLS_SKIP_VERIFY": "true"}
    run = initializer.fetch(sample.uri, access=store.configured(**settings), trust=False)
    assert run.tree == sample.tree
