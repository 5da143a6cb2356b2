"""The machine's cores, shared by all calls. At most one call per core computes; any number of calls may wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scenarios.initializers.base import Call
from scenarios.initializers.proc import cores
from scenarios.locks import Slot, of_this_user


@dataclass(frozen=True)
class Core:
    """The core of a call. The call waited `queued_s` seconds for it."""

    queued_s: float = 0.0
    place: Slot | None = None

    def release(self) -> None:
        """Give the core to another call, because this one is waiting."""
        if self.place:
            self.place.release()


@contextmanager
def a_core(call: Call) -> Iterator[Core]:
    """Wait for a free core for `call`. Does not wait if the call starts `at_once`."""
    if call.conditions.at_once:
        yield Core()
        return
    began = time.monotonic()
    with Slot(of_this_user("computing"), cores()) as place:
        yield Core(time.monotonic() - began, place)
