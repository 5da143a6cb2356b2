"""Give each test its own part of a store, and put small models into it."""

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
    """A model in the store: its URI and the files that must arrive."""

    uri: str
    tree: Mapping[str, bytes]


def partition(run: Run, store: str, folder: Path) -> Store:
    """Return a part of `store` for one test. Its files are in `folder`, or, with a cluster, where nodes see them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    case = f"case-{worker}-{next(_numbers)}"
    folder = run.case_folder(case, folder)
    folder.mkdir(parents=True)
    return STORES[store].at(run.fleet.endpoints, run.mode, run.fleet.gateway, case, folder)


def deposit(store: Store, tree: Mapping[str, bytes], single: str) -> Sample:
    """Put `tree` into the store. If the store serves only single files, the sample is the file `single`."""
    store.put_sample(tree)
    return Sample(store.sample_uri(single), tree if store.folders else {single: tree[single]})
