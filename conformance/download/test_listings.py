"""Listings: pages of every kind, and the placeholders that other tools create for folders."""

import pytest

from conformance import rule
from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from scenarios.content.models import under
from scenarios.network.paging import Oddity, Paging
from scenarios.stores.azure_blob import AzureBlob
from scenarios.stores.base import Store

#: Seconds until a call must have noticed that a listing never ends.
ENDLESS_S = 30.0
#: A model whose listing has three pages of two entries.
PAGED = {f"shard-{n}.bin": b"%d" % n for n in range(5)}
#: A model with a file and a folder of files on the same level.
NESTED = {"config.json": b"{}", "1/graph.pb": b"graph", "2/graph.pb": b"newer", "2/variables/index": b"index"}


def _listed(
    store: Store, initializer: Fetcher, tree: dict[str, bytes], paging: Paging, within_s: float = 60.0
) -> Fetch:
    """Put the model, and fetch it while the gateway cuts its listings."""
    store.put_sample(tree)
    access = store.unsigned()
    store.gateway.plan_faults(store.case, paging=paging)
    uri = store.sample_uri(next(iter(tree)))
    return initializer.fetch(uri, access=access, way="unsigned", timeout_s=within_s)


@rule("LIST-001")
def test_an_empty_page_is_not_the_last(store: Store, initializer: Fetcher) -> None:
    """A store that filters entries after it has read a page may return none of them."""
    assert _listed(store, initializer, PAGED, Paging(2, "empty")).tree == PAGED


@rule("LIST-002")
@pytest.mark.parametrize("oddity", ["same", "fresh"])
def test_a_listing_that_never_ends(store: Store, initializer: Fetcher, oddity: Oddity) -> None:
    """A gateway in front of the store drops the token, and so returns the same page for ever."""
    _listed(store, initializer, PAGED, Paging(2, oddity), ENDLESS_S).assert_failed_or(PAGED)


@rule("LIST-003")
def test_an_entry_on_two_pages(store: Store, initializer: Fetcher) -> None:
    """Somebody adds a file while the initializer reads the listing, and the pages shift."""
    _listed(store, initializer, PAGED, Paging(2, "repeated")).assert_failed_or(PAGED)


@rule("LIST-004")
def test_tokens_with_reserved_characters(store: Store, initializer: Fetcher) -> None:
    """Tokens are opaque. Many are base64, and some contain a key."""
    assert _listed(store, initializer, PAGED, Paging(2, "reserved")).tree == PAGED


@rule("LIST-005")
def test_pages_without_optional_fields(store: Store, initializer: Fetcher) -> None:
    """Compatible stores leave out what their own clients do not read."""
    assert _listed(store, initializer, PAGED, Paging(2, "lean")).tree == PAGED


@rule("LIST-006")
def test_folders_on_later_pages(store: Store, initializer: Fetcher) -> None:
    """A page holds files and folders, and its size limits both together."""
    assert _listed(store, initializer, NESTED, Paging(1)).tree == NESTED


@rule("LIST-007")
@pytest.mark.parametrize("oddity", ["refused", "half"])
def test_a_page_that_fails(store: Store, initializer: Fetcher, oddity: Oddity) -> None:
    """The credentials expire between two pages, or a proxy cuts a page short and ends it properly."""
    _listed(store, initializer, PAGED, Paging(2, oddity), within_s=150.0).assert_failed_or(PAGED)


@rule("LIST-008")
def test_a_listing_in_no_order(store: Store, initializer: Fetcher) -> None:
    """A client that stops at the first name behind the folder, or compares neighbours, loses files."""
    assert _listed(store, initializer, NESTED, Paging(2, "reversed")).tree == NESTED


@rule("LIST-009")
def test_markers_of_hadoop(store: Store, initializer: Fetcher) -> None:
    """A Spark job on EMR has written the model."""
    model = {"1/part-00000.parquet": b"part", "config.json": b"{}"}
    markers = {"model_$folder$": b"", "model/1_$folder$": b"", "model/1/_SUCCESS": b""}
    store.put(under("model", model) | markers)
    delivered = initializer.fetch(store.uri("model")).tree
    assert {path: content for path, content in delivered.items() if content} == model


@rule("LIST-010")
@pytest.mark.parametrize("marked", [["model/sub"], ["model", "model/sub"]], ids=["inner", "outer"])
def test_placeholders_of_a_data_lake(store: AzureBlob, initializer: Fetcher, marked: list[str]) -> None:
    """The driver `abfs`, azcopy and the portal create such blobs for folders."""
    model = {"config.json": b"{}", "sub/a.bin": b"a"}
    store.put(under("model", model))
    store.mark_folders(marked)
    assert initializer.fetch(store.uri("model")).tree == model


@rule("LIST-011")
def test_an_empty_object_named_like_a_folder(store: Store, initializer: Fetcher) -> None:
    """Old tools mark a folder so. On a disk, a file and a folder cannot have the same name."""
    model = {"config.json": b"{}", "sub/a.bin": b"a"}
    store.put(under("model", {**model, "sub": b""}))
    initializer.fetch(store.uri("model")).assert_failed_or(model)


@rule("LIST-012")
@pytest.mark.parametrize("marker", ["model/1/", "model/1//"], ids=["body", "two-slashes"])
def test_unusual_placeholders(store: Store, initializer: Fetcher, marker: str) -> None:
    """Scripts upload a folder by its name, with a line of text, or join paths carelessly."""
    store.put({marker: b"" if marker.endswith("//") else b"folder\n", "model/1/graph.pb": b"graph"})
    assert initializer.fetch(store.uri("model")).tree == {"1/graph.pb": b"graph"}
