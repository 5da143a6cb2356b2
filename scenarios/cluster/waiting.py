"""How anything is waited for, on a cluster or here: by looking again until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: Seconds that the API server, KServe's caches and its controller have before a test gives up on them.
DEADLINE_S = 30.0
#: Seconds between two looks at the cluster.
INTERVAL_S = 0.05

T = TypeVar("T")


class Unsettled(Exception):
    """The cluster did not come to the state that a test needs; the text has the last state seen."""


def wait(
    look: Callable[[], T | None],
    what: str,
    last_seen: Callable[[], object] = lambda: "",
    seconds: float = DEADLINE_S,
) -> T:
    """The first answer of `look` that is not None. Raises Unsettled after `seconds`, with the last state seen."""
    until = time.monotonic() + seconds
    while (seen := look()) is None:
        if time.monotonic() > until:
            raise Unsettled(f"{what}: not after {seconds:.0f} s; last seen: {last_seen()}")
        time.sleep(INTERVAL_S)
    return seen
