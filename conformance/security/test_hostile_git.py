"""Hostile Git repositories: anyone who can push controls the content of the trees."""

import pytest

from conformance import rule
from conformance.api.containment import assert_contained
from conformance.api.fetcher import Fetcher
from scenarios.content.hostile import GOOD, HOOK, git_trees
from scenarios.initializers.base import DEST
from scenarios.stores.git import Git


@rule("SEC-017")
@pytest.mark.parametrize("case", git_trees(""))
def test_no_tree_of_git_leads_out_or_runs(store: Git, initializer: Fetcher, case: str) -> None:
    """The server sends entries that git refuses to write. None leaves the destination, installs a hook or runs."""
    initializer.needs_sandbox()
    store.put_entries("model", git_trees(store.case)[case])
    run = initializer.fetch(store.uri("model"), access=store.access("anonymous"))
    assert_contained(run, whole=GOOD)
    folders = run.outcome.trees[DEST].items()
    hooks = [path for path, entry in folders if path.startswith(".git/hooks/") and entry.content == HOOK]
    assert not hooks, f"the initializer installed a Git hook: {', '.join(hooks)}"
    asked = {request.host for request in store.requests() if request.host.endswith("attacker.example")}
    assert not asked, f"the initializer contacted a host that the repository names: {', '.join(asked)}"
