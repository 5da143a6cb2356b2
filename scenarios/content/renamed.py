"""A model with one file under a name that its server would not take, as a server that means harm would list it."""

from __future__ import annotations

from dataclasses import asdict

from scenarios.content.hostile import EVIL, GOOD, MARK
from scenarios.network.gateway.renaming import Renaming
from scenarios.stores.base import Access, Store

PLACEHOLDER = "placeholder"


def marked(store: Store) -> str:
    """The word with MARK by which requests for the file are known, as the last part of its name."""
    return f"{MARK}-{store.case}"


def put_renamed(store: Store, name: str) -> tuple[str, Access]:
    """Put GOOD, and EVIL as a file beside it that is listed as `name`; the model's URI, and how to get in."""
    store.put_sample({**GOOD, PLACEHOLDER: EVIL})
    access = store.unsigned()
    above = f"{store.sample_folder}/" if store.lists_keys else ""
    renaming = Renaming(f"{above}{PLACEHOLDER}", f"{above}{name}", marked(store), store.served_at(PLACEHOLDER))
    store.gateway.plan_faults(store.case, renaming=asdict(renaming))
    return store.sample_uri(PLACEHOLDER), access
