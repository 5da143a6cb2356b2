"""A model whose listing contains a name that the real server would refuse, as a hostile server might send it."""

from __future__ import annotations

from dataclasses import asdict

from scenarios.content.hostile import EVIL, GOOD, MARK
from scenarios.network.gateway.renaming import Renaming
from scenarios.stores.base import Access, Store

PLACEHOLDER = "placeholder"


def marked(store: Store) -> str:
    """The last part of the file's name: a word with MARK that identifies requests for the file."""
    return f"{MARK}-{store.case}"


def put_renamed(store: Store, name: str) -> tuple[str, Access]:
    """Put GOOD and, as a file listed under `name`, EVIL. Returns the model's URI and access to it."""
    store.put_sample({**GOOD, PLACEHOLDER: EVIL})
    access = store.unsigned()
    above = f"{store.sample_folder}/" if store.lists_keys else ""
    renaming = Renaming(f"{above}{PLACEHOLDER}", f"{above}{name}", marked(store), store.served_at(PLACEHOLDER))
    store.gateway.plan_faults(store.case, renaming=asdict(renaming))
    return store.sample_uri(PLACEHOLDER), access
