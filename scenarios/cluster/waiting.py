"""Wait for a condition, in a cluster or locally, by polling until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: Seconds until a test stops waiting for the API server or for KServe's caches and controller.
DEADLINE_S = 30.0
#: Seconds between two polls of the cluster.
INTERVAL_S = 0.05

T = TypeVar("T")


class Unsettled(Exception):
    """The cluster did not reach the state that a test needs. The text contains the last state."""


def wait(
    look: Callable[[], T | None],
    what: str,
    last_seen: Callable[[], object] = lambda: "",
    seconds: float = DEADLINE_S,
) -> T:
    """Poll `look` until it returns something other than None. Raises Unsettled after `seconds`, with the last state."""
    until = time.monotonic() + seconds
    while (seen := look()) is None:
        if time.monotonic() > until:
            raise Unsettled(f"{what}: not after {seconds:.0f} s; last seen: {last_seen()}")
        time.sleep(INTERVAL_S)
    return seen
