"""Placement: the path of each file below the destination."""

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import deposit
from scenarios.content.models import LAYOUTS, MODEL, NAMES, noise, under
from scenarios.network.paging import Paging
from scenarios.stores.azure_blob import AzureBlob
from scenarios.stores.base import AccessKind, Store
from scenarios.stores.hf import HuggingFace
from scenarios.stores.http import HTTP
from scenarios.stores.local import Local
from scenarios.stores.oci import OCI, Layer
from scenarios.stores.webhdfs import WebHDFS


@rule("PLACE-001")
def test_a_folder_arrives_as_its_tree(store: Store, initializer: Fetcher) -> None:
    """`.../model` delivers the files below `model/` at the same relative paths below the destination."""
    store.put(under("model", MODEL))
    assert initializer.fetch(store.uri("model")).tree == MODEL


@rule("PLACE-002")
def test_a_path_is_a_path_segment(store: Store, initializer: Fetcher) -> None:
    """`.../model` names the tree below `model/`, never its siblings `model-2/` and `model.txt`."""
    store.put(under("model", MODEL) | {"model-2/b.bin": b"b", "model.txt": b"t", "model2": b"2"})
    assert initializer.fetch(store.uri("model")).tree == MODEL


@rule("PLACE-003")
def test_a_trailing_slash_makes_no_difference(store: Store, initializer: Fetcher) -> None:
    """`.../model/` delivers the tree of `.../model`."""
    store.put(under("model", MODEL))
    assert initializer.fetch(store.uri("model/")).tree == MODEL


@rule("PLACE-004")
def test_a_single_file_arrives_under_its_own_name(store: Store, initializer: Fetcher) -> None:
    """`.../1/saved_model.pb` arrives as `saved_model.pb`, without the files next to it."""
    store.put({"tf/1/saved_model.pb": b"graph", "tf/1/variables/index": b"v"})
    assert initializer.fetch(store.uri("tf/1/saved_model.pb")).tree == {"saved_model.pb": b"graph"}


@rule("PLACE-005")
def test_a_single_file_comes_without_its_longer_sibling(store: Store, initializer: Fetcher) -> None:
    """`.../m.bin` delivers neither `m.bin.bak` nor the files below `m.bin.d/`."""
    store.put({"model/m.bin": b"m", "model/m.bin.bak": b"old", "model/m.bin.d/x": b"x"})
    assert initializer.fetch(store.uri("model/m.bin")).tree == {"m.bin": b"m"}


@rule("PLACE-006")
@pytest.mark.parametrize("slash", ["", "/"], ids=["bare", "slash"])
def test_the_root_is_a_folder_too(store: Store, initializer: Fetcher, slash: str) -> None:
    """A URI that ends with the bucket (container, share) delivers everything in it."""
    store.put(MODEL)
    assert initializer.fetch(store.uri("").rstrip("/") + slash).tree == MODEL


@rule("PLACE-007")
def test_a_repeated_segment_is_kept(store: Store, initializer: Fetcher) -> None:
    """The initializer removes only the leading `model/` from each path."""
    tree = {"model/model.bin": b"1", "model/model/model.bin": b"2", "x/model/y.bin": b"3"}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("PLACE-008")
def test_a_file_named_like_its_folder_keeps_its_place(store: Store, initializer: Fetcher) -> None:
    """MLflow names both the folder and the file `model`."""
    tree = {"MLmodel": b"m", "model.pkl": b"p", "checkpoints/model.ckpt": b"c", "model": b"plain"}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("PLACE-009")
def test_empty_files_are_files(store: Store, initializer: Fetcher) -> None:
    """An empty `__init__.py` makes a folder a Python package."""
    tree = {"pkg/__init__.py": b"", "pkg/code.py": b"pass\n"}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("PLACE-010")
def test_directory_markers_are_not_files(store: Store, initializer: Fetcher) -> None:
    """Web consoles create an object `model/1/` for each folder that a user makes by hand."""
    store.put({"model/": b"", "model/1/": b"", "model/1/saved_model.pb": b"graph"})
    assert initializer.fetch(store.uri("model")).tree == {"1/saved_model.pb": b"graph"}


@rule("PLACE-011")
def test_depth_is_not_limited(store: Store, initializer: Fetcher) -> None:
    """A file eight folders deep arrives, as does one at the top."""
    tree = {"top.bin": b"t", "1/2/3/4/5/6/7/8/deep.bin": b"d"}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("PLACE-012")
def test_many_files_arrive(store: Store, initializer: Fetcher) -> None:
    """A model of 150 files in three folders arrives complete."""
    tree = {f"{n % 3}/shard-{n:03}.bin": b"%d" % n for n in range(150)}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model"), timeout_s=120).tree == tree


@rule("PLACE-026")
def test_every_page_of_a_listing_is_read(store: Store, initializer: Fetcher) -> None:
    """Services choose the page size. Only the last page has no marker for the next one."""
    sample = deposit(store, {f"shard-{n:02}.bin": b"%d" % n for n in range(25)}, "shard-00.bin")
    access = store.unsigned()
    store.gateway.plan_faults(store.case, paging=Paging(10))
    assert initializer.fetch(sample.uri, access=access, way="unsigned").tree == sample.tree


@rule("PLACE-013")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_are_kept(store: Store, initializer: Fetcher, name: str) -> None:
    """The initializer neither decodes nor encodes the name of a file or a folder."""
    tree = {name: b"file", f"folder {name}/{name}.bin": b"nested"}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("PLACE-014")
def test_a_large_file_arrives_whole(store: Store, initializer: Fetcher) -> None:
    """9 MiB exceed one part of the usual clients (S3: 8 MiB, Azure: 4 MiB)."""
    weights = noise(9 * 2**20)
    store.put({"model/weights.bin": weights})
    assert initializer.fetch(store.model_uri("model", "weights.bin")).tree == {"weights.bin": weights}


@rule("PLACE-015")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_model_servers_survive(store: Store, initializer: Fetcher, layout: dict[str, bytes]) -> None:
    """Every file arrives where the model server expects it."""
    store.put(under("model", layout))
    assert initializer.fetch(store.uri("model")).tree == layout


@rule("PLACE-016")
def test_nothing_is_fetched_twice_or_beside(store: Store, initializer: Fetcher) -> None:
    """The store sends no more content than the model has. A sibling file of 200 kB makes extra downloads visible."""
    weights = noise(100_000)
    store.put({"model/weights.bin": weights, "model-2/other.bin": noise(200_000, seed=2)})
    run = initializer.fetch(store.model_uri("model", "weights.bin"))
    assert run.tree == {"weights.bin": weights}
    moved = sum(request.response_bytes for request in store.requests())
    assert moved < 1.2 * len(weights), f"the store sent {moved} bytes for a model of {len(weights)}"


@rule("PLACE-017")
@pytest.mark.parametrize("case", ["query", "redirect"])
def test_a_file_over_http_is_named_by_its_path(store: HTTP, initializer: Fetcher, case: str) -> None:
    """Neither `?download=other.txt` nor the name in a redirect changes the file name."""
    if case == "query":
        store.put({"model/m.bin": b"m"})
        uri = store.uri("model/m.bin") + "?download=other.txt"
    else:
        store.put({"elsewhere/blob-4711.bin": b"m"})
        uri = store.serve("model/m.bin", redirect_to=store.url("elsewhere/blob-4711.bin"))
    assert initializer.fetch(uri).tree == {"m.bin": b"m"}


@rule("PLACE-018")
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "binary/octet-stream"])
def test_the_content_type_does_not_decide(store: HTTP, initializer: Fetcher, content_type: str) -> None:
    """Artifact stores guess the content type. The URI alone names the model."""
    uri = store.serve("model/config.json", b"{}", content_type=content_type)
    assert initializer.fetch(uri).tree == {"config.json": b"{}"}


@rule("PLACE-019")
@pytest.mark.parametrize("case", ["name", "commit"])
def test_the_revision_is_honoured(store: HuggingFace, initializer: Fetcher, case: str) -> None:
    """`:v1` and a full commit ID deliver that revision, not the head of the default branch."""
    store.put(under("model", {"weights.bin": b"old"}), "v1")
    store.put(under("model", {"weights.bin": b"new"}))
    revision = "v1" if case == "name" else store.commit("model", "v1")
    assert initializer.fetch(store.uri(f"model:{revision}")).tree == {"weights.bin": b"old"}


@rule("PLACE-020")
def test_an_image_index_yields_this_machines_image(store: OCI, initializer: Fetcher) -> None:
    """An image for several platforms has an index."""
    store.put(under("model", MODEL), index=True)
    assert initializer.fetch(store.uri("model")).tree == MODEL


@rule("PLACE-021")
@pytest.mark.parametrize("layer", ["tar+gzip", "tar"])
def test_layers_may_be_gzip_or_plain_tar(store: OCI, initializer: Fetcher, layer: Layer) -> None:
    """Registries commonly hold both media types."""
    store.put(under("model", MODEL), layer=layer)
    assert initializer.fetch(store.uri("model")).tree == MODEL


@rule("PLACE-022")
@pytest.mark.parametrize("kind", ["valid", "session"], ids=["key", "signature"])
def test_azure_endpoints_in_dns_zones(store: AzureBlob, initializer: Fetcher, kind: AccessKind) -> None:
    """`ACCOUNT.z50.blob.storage.azure.net` is an Azure Blob endpoint too, with a key and with a signature."""
    store.put(under("model", MODEL))
    assert initializer.fetch(store.uri_in_zone("model"), access=store.access(kind)).tree == MODEL


@rule("PLACE-023")
def test_an_absolute_path_is_a_local_path(store: Local, initializer: Fetcher) -> None:
    """`/srv/models/model` is delivered like `file:///srv/models/model`."""
    store.put(under("model", MODEL))
    assert initializer.fetch(store.bare("model")).tree == MODEL


@rule("PLACE-024")
@pytest.mark.parametrize("name", ["my model.bin", "模型.bin"], ids=["space", "unicode"])
def test_a_percent_encoded_name_is_decoded(store: HTTP, initializer: Fetcher, name: str) -> None:
    """The URI must percent-encode characters that the file name has unencoded."""
    store.put({f"model/{name}": b"m"})
    assert initializer.fetch(store.uri(f"model/{name}")).tree == {name: b"m"}


@rule("PLACE-025")
def test_both_schemes_of_hdfs(store: WebHDFS, initializer: Fetcher) -> None:
    """Users also write `hdfs://`. The initializer uses the REST interface for both schemes."""
    store.put(under("model", MODEL))
    assert initializer.fetch(store.hdfs_uri("model")).tree == MODEL
