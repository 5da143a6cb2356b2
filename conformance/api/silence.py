"""A store that never answers."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Silence:
    """A peer that accepts connections and never answers, at `address` (`127.0.0.1:PORT`)."""

    listener: socket.socket

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def asked(self) -> bool:
        """Return whether a client has connected."""
        return bool(select.select([self.listener], [], [], 0)[0])
