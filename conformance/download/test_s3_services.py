"""S3: keys with narrow permissions, and services that answer unlike moto and MinIO."""

from urllib.parse import urlsplit

import pytest

from conformance import rule
from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.content.models import MODEL, under
from scenarios.stores.s3 import S3
from scenarios.stores.s3_answers import demanding_tls, dialects, limited_to, listing_refused, token_expired

#: The model of somebody else, at the key that begins with the bucket's name.
OTHER = {"config.json": b"another model"}


def _with_the_bucket_in_the_endpoint(store: S3, initializer: Fetcher, place: str) -> Fetch:
    """Fetch the model from an endpoint that already contains the bucket."""
    store.put({**under("model", MODEL), **under(f"{store.container}/model", OTHER)})
    access = store.access()
    path_style = f"{access.environment['AWS_ENDPOINT_URL']}/{store.container}"
    endpoint = {"host": f"https://{store.container}.s3.us-east-1.amazonaws.com", "path": path_style}[place]
    settings = {"AWS_ENDPOINT_URL": endpoint, "S3_ENDPOINT": endpoint.partition("://")[2]}
    settings["S3_USE_HTTPS"] = str(int(endpoint.startswith("https")))
    return initializer.fetch(store.uri("model"), access=access.plus(**settings))


@rule("CRED-030")
@pytest.mark.parametrize("place", ["host", "path"])
def test_the_bucket_in_the_endpoint(store: S3, initializer: Fetcher, place: str) -> None:
    """Consoles show the address of a bucket, and people paste it as the endpoint."""
    _with_the_bucket_in_the_endpoint(store, initializer, place).assert_failed_or(MODEL)


@rule("CRED-031")
@pytest.mark.parametrize("place", ["host", "path"])
def test_a_refusal_names_the_endpoint(store: S3, initializer: Fetcher, place: str) -> None:
    """The path in the URI is right. Without the endpoint in the message, its user looks for the mistake there."""
    run = _with_the_bucket_in_the_endpoint(store, initializer, place)
    run.assert_failed_or(MODEL)
    if run.outcome.exit_code != 0:
        host = f"{store.container}.s3" if place == "host" else urlsplit(store.server.url).netloc
        run.assert_last_words(names=host)


@rule("CRED-032")
def test_a_key_for_one_prefix(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """Teams share a bucket, and each may list and read its own prefix."""
    store.gateway.plan_faults(store.case, limited_to(store.container, store.sample_folder))
    assert initializer.fetch(sample.uri).tree == sample.tree


@rule("CRED-033")
def test_a_key_that_may_not_list(store: S3, initializer: Fetcher) -> None:
    """The policy of the key has `s3:GetObject` alone. The URI names one object."""
    store.put({"model/m.bin": b"m", "model/m.bin.old": b"old"})
    store.gateway.plan_faults(store.case, listing_refused(store.container))
    assert initializer.fetch(store.uri("model/m.bin")).tree == {"m.bin": b"m"}


@rule("CRED-034")
def test_a_service_without_checksums(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """Clients of newer releases ask for checksums by default. Other services than Amazon's do not know them."""
    store.gateway.plan_faults(store.case, dialects()["checksums"])
    assert initializer.fetch(sample.uri).tree == sample.tree


@rule("ERR-020")
def test_a_refused_listing(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """The policy of the key has `s3:GetObject` alone. The URI names a folder."""
    store.gateway.plan_faults(store.case, listing_refused(store.container))
    initializer.fetch(sample.uri, way="private").assert_refused(asked=True)


@rule("ERR-021")
@pytest.mark.parametrize("case", ["secure-transport", "managed-key"])
def test_a_bucket_that_demands_tls(store: S3, initializer: Fetcher, sample: Sample, case: str) -> None:
    """The endpoint is `http://`, as in many examples."""
    store.gateway.plan_faults(store.case, demanding_tls(store.container)[case])
    initializer.fetch(sample.uri).assert_refused(asked=True)


@rule("ERR-022")
@pytest.mark.parametrize("kind", ["wrong", "session"], ids=["unknown-key", "expired-token"])
def test_wrong_credentials_for_a_public_bucket(store: S3, initializer: Fetcher, sample: Sample, kind: str) -> None:
    """The namespace has keys of another cloud, or keys of last year. The example's bucket is public."""
    access = {"wrong": store.access("wrong"), "session": store.access("session")}[kind]
    store.access("anonymous")
    if kind == "session":
        store.gateway.plan_faults(store.case, token_expired())
    run = initializer.fetch(sample.uri, access=access)
    run.assert_failed_or(sample.tree)
    if run.outcome.exit_code != 0:
        run.assert_last_words()
        assert "not found" not in run.last_words.lower(), "the message reports a missing model for wrong credentials"
