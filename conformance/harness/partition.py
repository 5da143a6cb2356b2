"""The part of a store that belongs to one test."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from conformance.harness.run import Run
from scenarios.stores import STORES
from scenarios.stores.base import Store

_numbers = itertools.count(1)


def partition(run: Run, store: str, folder: Path) -> Store:
    """Return a part of `store` for one test. Its files are in `folder`, or, with a cluster, where nodes see them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    case = f"case-{worker}-{next(_numbers)}"
    folder = run.case_folder(case, folder)
    folder.mkdir(parents=True)
    return STORES[store].at(run.fleet.endpoints, run.mode, run.fleet.gateway, case, folder)
