"""Credentials: which ones give access to a store, and which ones must not leak."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.content.models import MODEL, under
from scenarios.stores.azure_blob import AzureBlob
from scenarios.stores.base import Access, Store
from scenarios.stores.git import Git
from scenarios.stores.hf import HuggingFace
from scenarios.stores.http import HTTP, OTHER_HOST
from scenarios.stores.oci import OCI
from scenarios.stores.s3 import S3

HEADERS = {"X-Api-Key": "key-of-the-suite-4711"}


@rule("CRED-001")
def test_valid_credentials_open_private_content(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The call has the environment and files of the store's Secret, as the webhook injects them."""
    assert initializer.fetch(sample.uri, access=store.private(), way="private").tree == sample.tree


@rule("CRED-002")
def test_public_content_needs_no_credentials(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Most examples use public buckets and repositories."""
    assert initializer.fetch(sample.uri, access=store.access("anonymous")).tree == sample.tree


@rule("CRED-003")
def test_temporary_credentials_with_a_session_token(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """STS issues an access key, a secret key and a session token, which are valid only together."""
    assert initializer.fetch(sample.uri, access=store.access("session")).tree == sample.tree


@rule("CRED-017")
def test_headers_go_to_their_host(store: HTTP, initializer: Fetcher) -> None:
    """`<host>-headers` holds the HTTP headers that a private artifact store requires."""
    uri = store.serve("model/m.bin", b"m", headers_required=HEADERS)
    assert initializer.fetch(uri, access=store.sending(HEADERS)).tree == {"m.bin": b"m"}


@rule("CRED-018")
def test_headers_go_to_no_other_host(store: HTTP, initializer: Fetcher) -> None:
    """Artifact stores redirect to a content delivery network, which must not receive the key."""
    store.put({"far/m.bin": b"m"})
    uri = store.serve("model/m.bin", redirect_to=store.url("far/m.bin", host=OTHER_HOST))
    assert initializer.fetch(uri, access=store.sending(HEADERS)).tree == {"m.bin": b"m"}
    sent = [request for request in store.requests() if request.host == OTHER_HOST]
    assert sent, "the initializer did not follow the redirect to the other host"
    assert not [request for request in sent if "x-api-key" in request.headers], "the other host received the key"


@rule("CRED-019")
def test_a_mirror_is_the_only_hub(store: HuggingFace, initializer: Fetcher, sample: Sample) -> None:
    """Behind a firewall, only the mirror is reachable."""
    access = store.mirrored()
    assert initializer.fetch(sample.uri, access=access).tree == sample.tree
    mirror = urlsplit(access.environment["HF_ENDPOINT"]).hostname
    hosts = {request.host for request in store.requests()}
    assert hosts == {mirror}, f"the initializer contacted {', '.join(sorted(hosts))}, not only {mirror}"


@rule("CRED-020")
def test_git_takes_the_user_from_the_url(store: Git, initializer: Fetcher, sample: Sample) -> None:
    """The user name is not a secret and may be in the storageUri. The password must not be."""
    access = store.access()
    user, uri = access.environment["GIT_USERNAME"], sample.uri
    bare = access.without("GIT_USERNAME")
    assert initializer.fetch(uri.replace("https://", f"https://{user}@"), access=bare).tree == sample.tree


@rule("CRED-023")
def test_a_query_in_the_uri_reaches_the_store(store: Store, initializer: Fetcher) -> None:
    """A presigned URI grants read access without other credentials."""
    uri, _ = store.presigned("model/m.bin", b"m")
    assert initializer.fetch(uri, access=Access()).tree == {"m.bin": b"m"}


@rule("CRED-024")
@pytest.mark.parametrize("prefix", ["AZURE", "AZ"], ids=["current", "legacy"])
def test_a_service_principal_is_asked_for_in_its_tenant(store: AzureBlob, initializer: Fetcher, prefix: str) -> None:
    """The initializer requests a token of that tenant, and delivers private content with it."""
    store.put(under("model", MODEL))
    principal = store.principal()
    environment = {name.replace("AZURE", prefix): value for name, value in principal.environment.items()}
    run = initializer.fetch(store.uri("model"), access=replace(principal, environment=environment), timeout_s=120)
    assert run.tree == MODEL


@rule("CRED-025")
@pytest.mark.parametrize("kind", ["valid", "wrong"], ids=["success", "failure"])
def test_no_credential_is_printed(store: Store, initializer: Fetcher, sample: Sample, kind: str) -> None:
    """The output ends up in logs and in the pod's status, which many users can read."""
    access = store.private() if kind == "valid" else store.access("wrong")
    run = initializer.fetch(sample.uri, access=access, way="private", timeout_s=150)
    run.assert_secret()
    if kind == "valid":
        assert run.tree == sample.tree
    else:
        run.require()


@rule("CRED-025", stores=("presigned",))
def test_no_signature_is_printed(store: Store, initializer: Fetcher) -> None:
    """A presigned URI is a credential: the log must not contain its signature."""
    uri, signature = store.presigned("model/m.bin", b"m")
    run = initializer.fetch(uri, access=Access(secrets=(signature,)))
    run.assert_secret()
    run.require()


@rule("CRED-026")
@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "not-allowed"])
def test_an_insecure_registry_must_be_allowed(store: OCI, initializer: Fetcher, sample: Sample, allowed: bool) -> None:
    """The initializer uses a registry whose identity it cannot verify only if the operator allows it."""
    uri = sample.uri.replace(urlsplit(sample.uri).netloc, urlsplit(store.server.url).netloc)
    environment = {"KSERVE_OCI_INSECURE_REGISTRY": "true"} if allowed else {}
    run = initializer.fetch(uri, access=store.access("anonymous"), environment=environment, trust=False)
    if allowed:
        assert run.tree == sample.tree
    else:
        run.assert_refused()
