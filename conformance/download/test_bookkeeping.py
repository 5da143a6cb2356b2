"""What a client leaves in the destination beside the model, as a model server and a small volume meet it."""

import re

from conformance import rule
from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.initializers.base import DEST, Entry
from scenarios.stores.base import Store

#: Names of files that clients use while a download lasts.
UNFINISHED = re.compile(r"\.(incomplete|lock|tmp|temp|part|partial|download|aria2)$|(^|/)(tmp[^/]*|\.tmp[^/]*)$")
#: Names that rules look for: the model itself has none of them.
FOLDERS = {"1/model.onnx": b"onnx", "1/labels/names.txt": b"cat\n"}


def _everything(run: Fetch) -> dict[str, Entry]:
    """Return all entries of the destination, the client's own among them. Raises RuleViolation if the call failed."""
    assert run.tree, "the call delivered nothing"
    return dict(run.outcome.trees[DEST])


@rule("CONTRACT-020")
def test_no_unfinished_files(initializer: Fetcher, sample: Sample) -> None:
    """The volume is full of them after a few restarts, and a server that reads all files trips over them."""
    left = [path for path in _everything(initializer.fetch(sample.uri)) if UNFINISHED.search(path)]
    assert not left, f"the initializer left unfinished files: {', '.join(left)}"


@rule("CONTRACT-021")
def test_no_second_copy(initializer: Fetcher, shards: Sample) -> None:
    """A volume of the model's size is full before the model is complete."""
    found = _everything(initializer.fetch(shards.uri))
    sizes = {path: len(entry.content) for path, entry in found.items() if entry.content is not None}
    own = {path: size for path, size in sizes.items() if path not in shards.tree}
    model = sum(map(len, shards.tree.values()))
    assert sum(own.values()) < model / 10, (
        f"beside a model of {model} bytes are {sum(own.values())} more: {', '.join(sorted(own)[:5])}"
    )


@rule("CONTRACT-022")
def test_only_folders_of_the_model(store: Store, initializer: Fetcher) -> None:
    """Triton takes each folder for a model. A server that expects one folder with a version finds two."""
    store.put_sample(FOLDERS)
    found = _everything(initializer.fetch(store.sample_uri("1/model.onnx")))
    other = [path for path, entry in found.items() if entry.content is None and path not in {"1", "1/labels"}]
    assert not other, f"the initializer left folders that the model does not have: {', '.join(other)}"
