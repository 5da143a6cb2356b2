"""The cores of this machine, shared by all calls on it: as many compute at once as there are, any number waits."""

from __future__ import annotations

from clusters.toolchain.cache import cache_root
from scenarios.initializers.proc import cores
from scenarios.locks import Place


def a_core() -> Place:
    """A place for a call that computes, to be released when it waits."""
    return Place(cache_root() / "locks" / "computing", cores())
