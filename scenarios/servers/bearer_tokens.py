"""The bearer tokens that a run's identity services hand out, as the authorities of the stores know them.

A store issues a token before the service hands it out. The authority in the gateway reads it on each request.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_TOKEN = re.compile(r"[\w.-]{20,200}")


@dataclass(frozen=True)
class Bearer:
    """The meaning of a token.

    holder      the account that it was issued to.
    powerless   whether the token permits no request to the store, whatever the account may do.
    lifetime_s  seconds after its first use until it has expired; None for longer than a run.
    tenant      the tenant that issued it, for services with tenants.
    """

    holder: str
    powerless: bool = False
    lifetime_s: float | None = None
    tenant: str = ""


def issue(state: Path, token: str, bearer: Bearer) -> None:
    """Make `token` known to the authority with the folder `state`."""
    folder = state / "tokens"
    folder.mkdir(exist_ok=True)
    (folder / token).write_text(json.dumps(asdict(bearer)))


class Bearers:
    """The tokens issued in `state`, and when each was first used."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "tokens"
        self._first_used: dict[str, float] = {}

    def find(self, token: str) -> Bearer | None:
        """Return the meaning of the token; None if nobody issued it."""
        file = self._folder / token
        if not _TOKEN.fullmatch(token) or not file.is_file():
            return None
        return Bearer(**json.loads(file.read_text()))

    def expired(self, token: str, bearer: Bearer) -> bool:
        """Whether the token's lifetime is over. The first call for a token begins its lifetime."""
        now = time.monotonic()
        first = self._first_used.setdefault(token, now)
        return bearer.lifetime_s is not None and now - first > bearer.lifetime_s
