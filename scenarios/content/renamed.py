"""A model with one file under a name that its server would not take, as a server that means harm would list it."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import quote

from scenarios.content.hostile import EVIL, GOOD, MARK
from scenarios.network.gateway.renaming import Renaming
from scenarios.reasons import NotOffered
from scenarios.stores import AzureFiles, HuggingFace, WebHDFS
from scenarios.stores.base import Access, Store

PLACEHOLDER = "placeholder"


def marked(store: Store) -> str:
    """The word with MARK by which requests for the file are known, as the last part of its name."""
    return f"{MARK}-{store.case}"


def put_renamed(store: Store, name: str) -> tuple[str, Access]:
    """Put GOOD, and EVIL as a file beside it that is listed as `name`; the model's URI, and how to get in."""
    # KServe keeps a folder's name on Azure Files (PLACE-001); at the root that fault does not hide the others.
    folder = "" if isinstance(store, AzureFiles) else "model/"
    store.put({f"{folder}{path}": content for path, content in {**GOOD, PLACEHOLDER: EVIL}.items()})
    access = store.unsigned()
    key = f"{folder}{PLACEHOLDER}"
    targets = {
        "s3": f"/{store.case}/{key}",
        "gcs": f"/storage/v1/b/{store.case}/o/{quote(key, safe='')}",
        "azure-blob": f"/{store.case}/{key}",
        "azure-files": f"/{store.case}/{key}",
        "webhdfs": f"/webhdfs/v1/{store.case}/{key}",
    }
    if isinstance(store, HuggingFace):
        targets["hf"] = f"/{store.case}/model/resolve/{store.commit('model')}/{PLACEHOLDER}"
    if store.name not in targets:
        raise NotOffered(f"{store.name}: nothing is listed whose name could be another")
    above = "" if isinstance(store, AzureFiles | WebHDFS | HuggingFace) else "model/"
    renaming = Renaming(f"{above}{PLACEHOLDER}", f"{above}{name}", marked(store), targets[store.name])
    store.gateway.interfere(store.case, renaming=asdict(renaming))
    return store.uri("model") if folder else f"{store.uri()}/", access
