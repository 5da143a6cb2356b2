"""URIs with characters that mean something in a URI, a shell pattern or a form, and hosts that look like others."""

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from scenarios.content.models import MODEL, under
from scenarios.servers.azurite import OTHER_CLOUDS
from scenarios.stores.azure_blob import AzureBlob
from scenarios.stores.base import Store
from scenarios.stores.hf import HuggingFace

RIGHT, WRONG = b"the model that the URI names", b"another model"
#: case -> (name of a folder, name that a wrong reading makes of it).
FOLDERS = {
    "hash": ("run#1", "run"),
    "question": ("run?x=1", "run"),
    "percent": ("a%20b", "a b"),
    "plus": ("a+b", "a b"),
    "star": ("v*", "v1"),
    "brackets": ("v[12]", "v1"),
    "at": ("me@run", "run"),
    "space": ("run ", "run"),
    "decomposed": ("mode\u0301le", "mod\u00e9le"),
}
#: case -> (name of a file, name that a wrong reading makes of it).
FILES = {
    "hash": ("w#1.bin", "w"),
    "question": ("w?1.bin", "w"),
    "percent": ("w%201.bin", "w 1.bin"),
    "star": ("w*.bin", "w1.bin"),
}


@rule("PLACE-040")
@pytest.mark.parametrize("case", FOLDERS)
def test_characters_of_a_folder(store: Store, initializer: Fetcher, case: str) -> None:
    """Experiment trackers put such characters into the names of runs. A sibling is what a wrong reading would fetch."""
    name, other = FOLDERS[case]
    store.put({f"{name}/weights.bin": RIGHT, f"{other}/weights.bin": WRONG})
    uri = store.exact_uri(name if store.folders else f"{name}/weights.bin")
    initializer.fetch(uri).assert_failed_or({"weights.bin": RIGHT})


@rule("PLACE-041")
def test_two_slashes(store: Store, initializer: Fetcher) -> None:
    """A script joined a prefix that ends in a slash and a path that begins with one."""
    store.put({"a//model/weights.bin": RIGHT, "a/model/weights.bin": WRONG})
    initializer.fetch(store.exact_uri("a//model")).assert_failed_or({"weights.bin": RIGHT})


@rule("PLACE-042")
def test_a_revision_with_slashes(store: HuggingFace, initializer: Fetcher) -> None:
    """Pull requests of the Hub are `refs/pr/N`, and branches often have a prefix."""
    store.put(under("model", {"weights.bin": RIGHT}), "refs/pr/1")
    store.put(under("model", {"weights.bin": WRONG}))
    initializer.fetch(store.uri("model") + ":refs/pr/1").assert_failed_or({"weights.bin": RIGHT})


@rule("PLACE-043")
@pytest.mark.parametrize("case", FILES)
def test_characters_of_a_file(store: Store, initializer: Fetcher, case: str) -> None:
    """Checkpoints have such names too."""
    name, other = FILES[case]
    store.put({f"model/{name}": RIGHT, f"model/{other}": WRONG})
    initializer.fetch(store.exact_uri(f"model/{name}")).assert_failed_or({name: RIGHT})


@rule("PLACE-044")
@pytest.mark.parametrize("case", [*OTHER_CLOUDS, "emulator"])
def test_azure_elsewhere(store: AzureBlob, initializer: Fetcher, case: str) -> None:
    """The content is public, so that a client without knowledge of Azure gets an answer too."""
    store.put(under("model", MODEL))
    access = store.access("anonymous")
    uri = store.uri_in_cloud(OTHER_CLOUDS[case], "model") if case in OTHER_CLOUDS else store.uri_of_emulator("model")
    initializer.fetch(uri, access=access).assert_failed_or(MODEL)
