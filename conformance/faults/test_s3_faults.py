"""S3: redirects to another region, and services that refuse a part of the protocol."""

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.stores.s3 import S3
from scenarios.stores.s3_answers import dialects, redirecting


@rule("FAULT-020")
@pytest.mark.parametrize("how", ["permanent", "temporary", "signature"])
def test_a_bucket_of_another_region(store: S3, initializer: Fetcher, shards: Sample, how: str) -> None:
    """The bucket is in Frankfurt, and nobody has set a region."""
    store.gateway.plan_faults(store.case, *redirecting(store.container)[how])
    access = store.access().without("AWS_ENDPOINT_URL", "S3_ENDPOINT", "S3_USE_HTTPS")
    assert initializer.fetch(shards.uri, access=access, way="tls").tree == shards.tree


@rule("FAULT-021")
@pytest.mark.parametrize("part", dialects())
def test_a_part_of_the_protocol_is_refused(store: S3, initializer: Fetcher, shards: Sample, part: str) -> None:
    """Gateways in front of other stores implement the commands that their authors needed."""
    store.gateway.plan_faults(store.case, dialects()[part])
    initializer.fetch(shards.uri, environment=store.impatience, timeout_s=150).assert_failed_or(shards.tree)
