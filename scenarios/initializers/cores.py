"""The cores of this machine, shared by all calls on it: as many compute at once as there are, any number waits."""

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
    """What a call computes on; `queued_s` seconds passed before it had one."""

    queued_s: float = 0.0
    place: Slot | None = None

    def release(self) -> None:
        """Let another call compute: this one waits."""
        if self.place:
            self.place.release()


@contextmanager
def a_core(call: Call) -> Iterator[Core]:
    """A core for `call`, as soon as one is free, or at once where it asks for that."""
    if call.conditions.at_once:
        yield Core()
        return
    began = time.monotonic()
    with Slot(of_this_user("computing"), cores()) as place:
        yield Core(time.monotonic() - began, place)
