"""A test's own part of a store, and the small models that it is filled with."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.harness.run import Run
from scenarios.stores import STORES
from scenarios.stores.base import Store

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Sample:
    """A model in the store: its URI, and what has to arrive."""

    uri: str
    tree: Mapping[str, bytes]


def partition(run: Run, store: str, folder: Path) -> Store:
    """A part of `store` that no other test uses. Its files are in `folder`, or with a cluster where nodes see them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    case = f"case-{worker}-{next(_numbers)}"
    folder = run.case_folder(case, folder)
    folder.mkdir(parents=True)
    return STORES[store].at(run.fleet.endpoints, run.mode, run.fleet.gateway, case, folder)


def deposit(store: Store, tree: Mapping[str, bytes], single: str) -> Sample:
    """Put `tree` where it can be fetched from as a whole, or else its file `single`."""
    store.put_sample(tree)
    return Sample(store.sample_uri(single), tree if store.folders else {single: tree[single]})
