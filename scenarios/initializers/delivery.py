"""How a call's environment and files reach a pod. Each store knows the Secret that KServe's webhook reads for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scenarios.stores import STORES
from scenarios.stores.delivery import Delivery


def delivery(environment: Mapping[str, str], files: Mapping[str, Path], release: str) -> Delivery:
    """The delivery of each variable and file under KServe `release`, with one Secret at most."""
    ways = (store.delivered(environment, files) for store in STORES.values() if store.available_in(release))
    return next(filter(None, ways), Delivery(environment, files))
