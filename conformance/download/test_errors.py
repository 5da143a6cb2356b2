"""Errors: a failed download gives a non-zero exit code, a clear termination message and an empty destination."""

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.content.models import MODEL, under
from scenarios.initializers.base import DEST
from scenarios.stores import STORES
from scenarios.stores.base import Store
from scenarios.stores.s3 import S3


@rule("ERR-001")
@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("name", ["absent"])
def test_what_does_not_exist(store: Store, initializer: Fetcher, name: str) -> None:
    """The bucket (share, owner, host) exists, but the path in it does not."""
    initializer.fetch(store.absent(name)).assert_refused(names=name, asked=True)


@rule("ERR-001", stores=("tagged",))
@pytest.mark.parametrize("revision", ["no-such-revision"])
def test_a_revision_that_does_not_exist(store: Store, initializer: Fetcher, sample: Sample, revision: str) -> None:
    """The repository exists, but the revision (the tag) does not."""
    run = initializer.fetch(store.at_revision(sample.uri, revision))
    run.assert_failed()
    run.assert_last_words()
    run.assert_asked()


@rule("ERR-002")
def test_a_missing_bucket(store: Store, initializer: Fetcher) -> None:
    """The bucket (container, share) does not exist."""
    initializer.fetch(store.missing()).assert_refused(names=f"{store.case}-that-is-not-there", asked=True)


@rule("ERR-003")
def test_wrong_credentials(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The credentials are well-formed, but the store does not know them."""
    initializer.fetch(sample.uri, access=store.access("wrong"), way="private", timeout_s=150).assert_refused()


@rule("ERR-003", stores=("s3",))
def test_a_wrong_secret(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """The store knows the key ID, but the secret belongs to another key: the signature does not match."""
    run = initializer.fetch(sample.uri, access=store.wrong_secret(), way="private", timeout_s=150)
    run.assert_refused(asked=True)


@rule("ERR-004")
def test_missing_credentials(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The content is private and the call has no credentials."""
    initializer.fetch(sample.uri, access=store.access("none"), way="private", timeout_s=150).assert_refused()


@rule("ERR-005")
def test_missing_permission(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The store knows the credentials, but they do not permit reading this model."""
    run = initializer.fetch(sample.uri, access=store.access("denied"), way="private", timeout_s=150)
    run.assert_refused(asked=True)


@rule("ERR-006")
@pytest.mark.parametrize(
    "uri",
    ["nobody+tls://host/model", "bucket/model", "nobody://model"],
    ids=["composed", "no-scheme", "nobody"],
)
def test_an_unknown_scheme(initializer: Fetcher, uri: str) -> None:
    """Validation in the cluster admits some of these URIs, so the initializer must reject them."""
    initializer.fetch(uri).assert_refused(names=uri)


@rule("ERR-007")
@pytest.mark.parametrize(
    ("store", "uri"),
    [pytest.param(name, uri, id=f"{name}-{case}") for name in STORES for case, uri in STORES[name].malformed.items()],
    indirect=["store"],
)
def test_a_malformed_uri(store: Store, initializer: Fetcher, uri: str) -> None:
    """The message names the expected format, not an internal error of the program."""
    initializer.fetch(uri, access=store.access()).assert_refused()


@rule("ERR-008")
def test_a_folder_without_files(store: Store, initializer: Fetcher) -> None:
    """The folder contains only directory markers."""
    store.put({"hollow/config/": b"", "hollow/model-store/": b""})
    initializer.fetch(store.uri("hollow")).assert_refused(names="hollow", asked=True)


@rule("ERR-009")
def test_an_unreachable_store(store: Store, initializer: Fetcher) -> None:
    """The store refuses connections. The initializer may retry, but must stop in time."""
    uri, access = store.unreachable()
    initializer.fetch(uri, access=access, timeout_s=150).assert_refused()


@rule("ERR-010")
@pytest.mark.usefixtures("sample")
def test_a_failure_leaves_nothing_behind(store: Store, initializer: Fetcher) -> None:
    """A model server that starts anyway must not find a partial model."""
    run = initializer.fetch(store.absent())
    run.assert_failed()
    run.assert_asked()
    assert not run.delivered, f"the failed call left files in {DEST}: {', '.join(run.delivered)}"


@rule("ERR-011")
@pytest.mark.usefixtures("sample")
def test_a_path_with_the_letters_auth(store: Store, initializer: Fetcher) -> None:
    """A missing path that contains "auth" (such as "author") must not be reported as failed authentication."""
    run = initializer.fetch(store.absent("author-model"))
    run.assert_refused(asked=True)
    assert "authentication failed" not in run.last_words.lower(), "the message blames authentication for a missing path"


@rule("ERR-012")
def test_the_buckets_name_repeated(store: Store, initializer: Fetcher) -> None:
    """The URI is `s3://bucket/bucket/model`, but the model is at `s3://bucket/model`, as in the first bug reports."""
    store.put(under("model", MODEL))
    initializer.fetch(store.uri(f"{store.container}/model")).assert_refused(names=store.container, asked=True)


@rule("ERR-013")
def test_a_destination_that_is_a_file(initializer: Fetcher, sample: Sample) -> None:
    """A file is mounted at the destination path."""
    run = initializer.fetch(sample.uri, dest=f"{DEST}/taken", present={DEST: {"taken": b"a file"}})
    run.assert_refused()
    left = {path: entry.content for path, entry in run.entries(DEST).items()}
    assert left == {"taken": b"a file"}, f"the initializer replaced the file at the destination: {sorted(left)}"


@rule("ERR-014")
def test_files_of_an_earlier_try(store: Store, initializer: Fetcher) -> None:
    """The container restarts while the store is unreachable, and the volume holds a partial model."""
    uri, access = store.unreachable()
    run = initializer.fetch(uri, access=access, present={DEST: {"config.json": b"half a model"}}, timeout_s=150)
    run.assert_refused()
