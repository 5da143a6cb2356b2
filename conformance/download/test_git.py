"""Git LFS: a repository with pointers, and a server with the content behind them."""

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from scenarios.content.models import noise
from scenarios.stores.base import AccessKind
from scenarios.stores.git import ELSEWHERE, HOST, Git

WEIGHTS = noise(5000)


@rule("GIT-001")
@pytest.mark.parametrize("kind", ["anonymous", "valid"], ids=["public", "private"])
def test_a_large_file_is_its_content(store: Git, initializer: Fetcher, kind: AccessKind) -> None:
    """Model repositories keep weights in LFS. A pointer has about 130 bytes, and no model server can load it."""
    tree = store.put_pointer("model", "weights.bin", WEIGHTS)
    store.put_large("model", WEIGHTS)
    initializer.fetch(store.uri("model"), access=store.access(kind)).assert_failed_or(tree)


@rule("GIT-002")
@pytest.mark.parametrize("case", ["no-server", "no-object", "other-content"])
def test_a_large_file_without_its_content(store: Git, initializer: Fetcher, case: str) -> None:
    """Someone pushed commits without LFS objects, or the upload of an object broke off."""
    store.put_pointer("model", "weights.bin", WEIGHTS)
    if case == "no-object":
        store.put_large("model", None)
    elif case == "other-content":
        store.put_large("model", WEIGHTS, noise(len(WEIGHTS), seed=2))
    initializer.fetch(store.uri("model"), timeout_s=100).assert_failed()


@rule("GIT-003")
def test_the_password_stays_with_its_host(store: Git, initializer: Fetcher) -> None:
    """Whoever may push to the repository could otherwise collect the passwords of its readers."""
    config = f"[lfs]\n\turl = {store.uri('model').replace(HOST, ELSEWHERE)}/info/lfs\n".encode()
    store.put({"model/.lfsconfig": config})
    tree = store.put_pointer("model", "weights.bin", WEIGHTS)
    store.put_large("model", WEIGHTS)
    run = initializer.fetch(store.uri("model"))
    leaked = [r.path for r in store.requests() if r.host == ELSEWHERE and "authorization" in r.headers]
    assert not leaked, f"the initializer sent credentials to {ELSEWHERE}: {leaked[0]}"
    run.assert_failed_or({**tree, ".lfsconfig": config})


@rule("GIT-004")
def test_the_password_serves_for_lfs_too(store: Git, initializer: Fetcher) -> None:
    """The user has one account on the host, and the server of the repository and the LFS server ask for it alike."""
    tree = store.put_pointer("model", "weights.bin", WEIGHTS)
    store.put_large("model", WEIGHTS)
    assert initializer.fetch(store.uri("model"), access=store.private()).tree == tree
