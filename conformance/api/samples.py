"""Give each test its own part of a store, and put small models into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scenarios.stores.base import Store


@dataclass(frozen=True)
class Sample:
    """A model in the store: its URI and the files that must arrive."""

    uri: str
    tree: Mapping[str, bytes]


def deposit(store: Store, tree: Mapping[str, bytes], single: str) -> Sample:
    """Put `tree` into the store. If the store serves only single files, the sample is the file `single`."""
    store.put_sample(tree)
    return Sample(store.sample_uri(single), tree if store.folders else {single: tree[single]})
