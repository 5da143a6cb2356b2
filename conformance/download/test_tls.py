"""TLS: the initializer trusts a private certificate authority only when it is configured."""

from pathlib import Path
from typing import Literal

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.network.view import CA_PATH, Gateway
from scenarios.stores.base import Store
from scenarios.stores.oci import OCI
from scenarios.stores.s3 import S3
from scenarios.stores.webhdfs import WebHDFS

#: KServe's webhook mounts the ConfigMap with the CA bundle here by default.
CUSTOM_CERTS = "/etc/ssl/custom-certs"
CONFIGMAP = {"CA_BUNDLE_CONFIGMAP_NAME": "global-ca-bundle", "CA_BUNDLE_VOLUME_MOUNT_POINT": CUSTOM_CERTS}

#: Settings that give the S3 downloader an authority. KServe's own code has read AWS_CA_BUNDLE alone since 0.16. Before,
#: boto3 did.
GIVEN = {"aws-ca-bundle": {"AWS_CA_BUNDLE": CA_PATH}, "configmap": CONFIGMAP}


Settings = dict[str, str]
Mounts = dict[str, Path]


@pytest.fixture
def bundle(gateway: Gateway) -> Mounts:
    """Mount the suite's certificate authority at the path where the webhook mounts a CA bundle."""
    return {f"{CUSTOM_CERTS}/cabundle.crt": gateway.ca}


@rule("CRED-007")
@pytest.mark.parametrize(
    "settings", [*GIVEN.values(), CONFIGMAP | {"S3_VERIFY_SSL": "1"}], ids=[*GIVEN, "configmap-verify"]
)
def test_an_own_authority_makes_tls_work(
    store: S3, initializer: Fetcher, sample: Sample, bundle: Mounts, settings: Settings
) -> None:
    """MinIO and similar stores in a company's network have certificates from the company's authority."""
    access = store.over_tls()
    run = initializer.fetch(sample.uri, access=access, environment=settings, mounts=bundle, trust=False, way="tls")
    assert run.tree == sample.tree


@rule("CRED-008")
@pytest.mark.parametrize("verify", ["0", "false", "False"])
def test_verification_can_be_switched_off(store: S3, initializer: Fetcher, sample: Sample, verify: str) -> None:
    """S3_VERIFY_SSL has the value that the annotation s3-verifyssl sets, and no authority is configured."""
    environment = {"S3_VERIFY_SSL": verify}
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=environment, trust=False, way="tls")
    assert run.tree == sample.tree


@rule("CRED-008")
def test_verification_can_be_asked_for(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """The annotation has its default value, which must not switch verification off."""
    environment = {"S3_VERIFY_SSL": "1"}
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=environment, trust=False, way="tls")
    run.assert_failed()
    assert not run.delivered, "the initializer delivered files"


@rule("CRED-009")
def test_an_unknown_authority_is_refused(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """No setting makes the initializer trust this certificate's authority."""
    run = initializer.fetch(sample.uri, access=store.over_tls(), trust=False, way="tls", timeout_s=150)
    run.assert_refused()
    assert not run.delivered, "the initializer delivered files"


@rule("CRED-010")
@pytest.mark.parametrize("given", GIVEN)
def test_a_missing_ca_bundle_is_an_error(store: S3, initializer: Fetcher, sample: Sample, given: str) -> None:
    """The ConfigMap lacks the key, or the path has a typo."""
    file = "cabundle.crt" if given == "configmap" else "missing.crt"
    environment = CONFIGMAP if given == "configmap" else {"AWS_CA_BUNDLE": f"{CUSTOM_CERTS}/{file}"}
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=environment, trust=False, way="tls")
    run.assert_refused(names=file)


@rule("CRED-011")
def test_the_global_bundle_holds_for_every_store(initializer: Fetcher, sample: Sample, bundle: Mounts) -> None:
    """Administrators set caBundleConfigMapName once for the cluster and expect it to apply to every store."""
    assert initializer.fetch(sample.uri, environment=CONFIGMAP, mounts=bundle, trust=False).tree == sample.tree


@rule("CRED-027")
@pytest.mark.parametrize("setting", ["authority", "skip"])
def test_tls_of_hdfs_follows_its_own_settings(
    store: WebHDFS, initializer: Fetcher, sample: Sample, gateway: Gateway, setting: str
) -> None:
    """The Secret has a file for each setting: TLS_CA holds the certificate, TLS_SKIP_VERIFY holds "true"."""
    settings = {"TLS_CA": gateway.ca.read_text()} if setting == "authority" else {"TLS_SKIP_VERIFY": "true"}
    run = initializer.fetch(sample.uri, access=store.configured(**settings), trust=False)
    assert run.tree == sample.tree


@rule("CRED-050")
@pytest.mark.parametrize("place", ["secret", "storage-config"])
def test_hdfs_gets_the_client_certificate(
    store: WebHDFS, initializer: Fetcher, sample: Sample, place: Literal["secret", "storage-config"]
) -> None:
    """Clusters with mutual TLS demand it at the name node and at the data nodes."""
    assert initializer.fetch(sample.uri, access=store.with_certificate(place)).tree == sample.tree


@rule("CRED-051")
def test_layers_come_from_where_the_registry_sends(store: OCI, initializer: Fetcher, sample: Sample) -> None:
    """Public registries keep layers in an object store, whose presigned URLs tolerate no second credential."""
    store.move_blobs()
    assert initializer.fetch(sample.uri, access=store.private(), way="private").tree == sample.tree
