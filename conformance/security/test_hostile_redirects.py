"""Hostile redirects and certificates. CRED-018 covers what the initializer sends to another host."""

from pathlib import Path

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from conformance.download.test_tls import CONFIGMAP, CUSTOM_CERTS
from scenarios.servers.hub import CDN
from scenarios.stores.base import Store
from scenarios.stores.hf import HuggingFace
from scenarios.stores.http import HTTP, OTHER_HOST

_GARBAGE = {"words": b"not a certificate\n", "cut": b"-----BEGIN CERTIFICATE-----\nMIIB", "empty": b""}


@rule("SEC-013")
def test_a_redirect_to_plain_http_is_refused(store: HTTP, initializer: Fetcher) -> None:
    """The URI requires TLS. Content that arrives without TLS may come from anyone."""
    store.put({"far/m.bin": b"m"})
    uri = store.serve("model/m.bin", redirect_to=store.url("far/m.bin", scheme="http", host=OTHER_HOST))
    run = initializer.fetch(uri)
    plain = [request for request in store.requests() if request.host == OTHER_HOST]
    assert not plain, "the initializer followed the redirect to plain HTTP"
    run.assert_failed()


@rule("SEC-014")
def test_an_endless_redirect_ends(store: HTTP, initializer: Fetcher) -> None:
    """Two locations redirect to each other."""
    store.serve("model/back.bin", redirect_to=store.url("model/m.bin"))
    uri = store.serve("model/m.bin", redirect_to=store.url("model/back.bin"))
    initializer.fetch(uri, timeout_s=30).assert_refused()


@rule("SEC-015")
def test_the_token_of_a_hub_stays_there(store: HuggingFace, initializer: Fetcher) -> None:
    """Large files come from a delivery network through signed URLs, so it must not receive the token."""
    store.put({"model/weights.safetensors": b"w" * 64})
    assert initializer.fetch(store.uri("model"), access=store.access("valid")).tree
    delivered = [request for request in store.requests() if request.host == CDN]
    assert delivered, "the initializer did not contact the delivery network"
    with_token = [request for request in delivered if "authorization" in request.headers]
    assert not with_token, "the initializer sent the token to the delivery network"


@rule("SEC-016")
@pytest.mark.parametrize("content", [*_GARBAGE.values(), None], ids=[*_GARBAGE, "missing"])
def test_a_bundle_that_is_none_is_an_error(
    store: Store, initializer: Fetcher, sample: Sample, tmp_path: Path, content: bytes | None
) -> None:
    """The ConfigMap has a typo. The initializer must not fall back to the machine's own authorities."""
    mounts = {}
    if content is not None:
        (tmp_path / "cabundle.crt").write_bytes(content)
        mounts[f"{CUSTOM_CERTS}/cabundle.crt"] = tmp_path / "cabundle.crt"
    run = initializer.fetch(sample.uri, access=store.over_tls(), environment=CONFIGMAP, mounts=mounts, way="tls")
    run.assert_refused(names="cabundle.crt")
