"""Errors: what cannot be fetched ends with a non-zero exit, understandable last words, and an empty destination."""

import pytest

from conformance import rule
from conformance.api.fetch import Fetcher
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
    """The bucket (share, owner, host) is there, the path in it is not."""
    initializer.fetch(store.absent(name)).assert_refused(names=name, asked=True)


@rule("ERR-001", stores=("tagged",))
@pytest.mark.parametrize("revision", ["no-such-revision"])
def test_a_revision_that_does_not_exist(store: Store, initializer: Fetcher, sample: Sample, revision: str) -> None:
    """The repository is there, the revision (the tag) is not."""
    run = initializer.fetch(store.at_revision(sample.uri, revision))
    run.assert_failed()
    run.assert_last_words()
    run.assert_asked()


@rule("ERR-002")
def test_a_missing_bucket(store: Store, initializer: Fetcher) -> None:
    """Not even the bucket (container, share) exists."""
    initializer.fetch(store.missing()).assert_refused(names=f"{store.case}-that-is-not-there", asked=True)


@rule("ERR-003")
def test_wrong_credentials(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Well-formed credentials that the store does not know."""
    initializer.fetch(sample.uri, access=store.access("wrong"), way="private", timeout_s=150).assert_refused()


@rule("ERR-003", stores=("s3",))
def test_a_wrong_secret(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """A key id that the store knows, and a secret that is not its own: the signature does not match."""
    run = initializer.fetch(sample.uri, access=store.wrong_secret(), way="private", timeout_s=150)
    run.assert_refused(asked=True)


@rule("ERR-004")
def test_missing_credentials(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Private content, and nothing to be let in with."""
    initializer.fetch(sample.uri, access=store.access("none"), way="private", timeout_s=150).assert_refused()


@rule("ERR-005")
def test_missing_permission(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Known credentials that may not read this model."""
    run = initializer.fetch(sample.uri, access=store.access("denied"), way="private", timeout_s=150)
    run.assert_refused(asked=True)


@rule("ERR-006")
@pytest.mark.parametrize(
    "uri",
    ["nobody+tls://host/model", "bucket/model", "nobody://model"],
    ids=["composed", "no-scheme", "nobody"],
)
def test_an_unknown_scheme(initializer: Fetcher, uri: str) -> None:
    """Validation in the cluster lets some of these pass; the initializer is the last to notice."""
    initializer.fetch(uri).assert_refused(names=uri)


@rule("ERR-007")
@pytest.mark.parametrize(
    ("store", "uri"),
    [pytest.param(name, uri, id=f"{name}-{case}") for name in STORES for case, uri in STORES[name].malformed.items()],
    indirect=["store"],
)
def test_a_malformed_uri(store: Store, initializer: Fetcher, uri: str) -> None:
    """The message says what is expected, not how the program stumbled."""
    initializer.fetch(uri, access=store.access()).assert_refused()


@rule("ERR-008")
def test_a_folder_without_files(store: Store, initializer: Fetcher) -> None:
    """Only the markers of a tree that was made by hand and never filled."""
    store.put({"hollow/config/": b"", "hollow/model-store/": b""})
    initializer.fetch(store.uri("hollow")).assert_refused(names="hollow", asked=True)


@rule("ERR-009")
def test_an_unreachable_store(store: Store, initializer: Fetcher) -> None:
    """Connections are refused; retries are welcome, but they end."""
    uri, access = store.unreachable()
    initializer.fetch(uri, access=access, timeout_s=150).assert_refused()


@rule("ERR-010")
@pytest.mark.usefixtures("sample")
def test_a_failure_leaves_nothing_behind(store: Store, initializer: Fetcher) -> None:
    """A model server that starts anyway must not find half a model."""
    run = initializer.fetch(store.absent())
    run.assert_failed()
    run.assert_asked()
    assert not run.delivered, f"left in {DEST}: {', '.join(run.delivered)}"


@rule("ERR-011")
@pytest.mark.usefixtures("sample")
def test_a_path_with_the_letters_auth(store: Store, initializer: Fetcher) -> None:
    """Models of an author are missing now and then; nobody should look for credentials then."""
    run = initializer.fetch(store.absent("author-model"))
    run.assert_refused(asked=True)
    assert "authentication failed" not in run.last_words.lower(), "a missing path is reported as failed authentication"


@rule("ERR-012")
def test_the_buckets_name_repeated(store: Store, initializer: Fetcher) -> None:
    """`s3://bucket/bucket/model` for a model at `s3://bucket/model`, as in the first reports."""
    store.put(under("model", MODEL))
    initializer.fetch(store.uri(f"{store.container}/model")).assert_refused(names=store.container, asked=True)


@rule("ERR-013")
def test_a_destination_that_is_a_file(initializer: Fetcher, sample: Sample) -> None:
    """Somebody mounted a file where the model should go."""
    run = initializer.fetch(sample.uri, dest=f"{DEST}/taken", present={DEST: {"taken": b"a file"}})
    run.assert_refused()
    left = {path: entry.content for path, entry in run.entries(DEST).items()}
    assert left == {"taken": b"a file"}, f"the file at the destination was replaced: {sorted(left)}"


@rule("ERR-014")
def test_files_of_an_earlier_try(store: Store, initializer: Fetcher) -> None:
    """The container restarts while the store is away; half a model lies in the volume."""
    uri, access = store.unreachable()
    run = initializer.fetch(uri, access=access, present={DEST: {"config.json": b"half a model"}}, timeout_s=150)
    run.assert_refused()
