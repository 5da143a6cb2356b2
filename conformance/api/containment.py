"""Check that hostile content causes no harm, whether the initializer accepts or rejects it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from conformance.api.exceptions import RuleViolation
from conformance.api.fetch import Fetch
from scenarios.content.hostile import EVIL, MARK
from scenarios.initializers.base import DEST
from scenarios.stores import STORES

#: Links may lead to these paths: KServe's initializer links a volume's files instead of copying them.
_SOURCES = tuple(store.mount for store in STORES.values() if store.mount)


def assert_contained(run: Fetch, *, whole: Mapping[str, bytes] | None = None) -> None:
    """Assert that no marked file or link is outside the destination, and that a partial tree is not a success.

    whole  the files that must arrive if the exit code is 0.

    Raises RuleViolation. Raises Unproven when the call failed and the control call fails too.
    """
    assert_nothing_outside(run)
    if run.outcome.ended == "timeout":
        raise RuleViolation("the call did not end within its time limit")
    if run.outcome.exit_code != 0:
        run.require()
        return
    if whole is None:
        return
    missing = [
        path for path, content in whole.items() if (e := run.entries().get(path)) is None or e.content != content
    ]
    if missing:
        run.differs()
        raise RuleViolation(f"the initializer ended with exit code 0, but did not deliver {', '.join(missing)}")


def assert_nothing_outside(run: Fetch) -> None:
    """Raise RuleViolation for an unexpected write with MARK, or for a link that leads out of destination and source."""
    unexpected_writes = [path for path in run.outcome.unexpected_writes if MARK in path]
    if unexpected_writes:
        raise RuleViolation(f"the initializer wrote outside {DEST}: {', '.join(unexpected_writes)}")
    for dest, tree in run.outcome.trees.items():
        leading_out = [path for path, entry in tree.items() if entry.link and not _inside(dest, path, entry.link)]
        if leading_out:
            listed = ", ".join(sorted(leading_out)[:5])
            raise RuleViolation(f"the initializer made links that point outside {dest}: {listed}")


def assert_reported(run: Fetch, name: str) -> None:
    """Assert that the file arrived, the call failed, or the output names the skipped file. Raises RuleViolation."""
    delivered = any(entry.content == EVIL for entry in run.entries().values())
    if run.outcome.exit_code == 0 and not delivered and name not in run.output:
        raise RuleViolation(f"exit code 0, but the initializer neither delivered the file nor reported {name!r}")


def _inside(dest: str, path: str, target: str) -> bool:
    """Return whether a link at `path` below `dest` leads into `dest` or the source, by its target text alone."""
    seen = posixpath.normpath(posixpath.join(dest, posixpath.dirname(path), target))
    return any(seen == place or seen.startswith(f"{place}/") for place in (dest, *_SOURCES))
