"""The end of temporary keys: a stand-in in front of S3 servers, whose own keys last for 15 minutes at least.

A store issues a key ID, and the gateway refuses requests with it after its lifetime. The server checks all else.
"""

from __future__ import annotations

import re
from pathlib import Path

from scenarios.servers.authority import Answer, Headers
from scenarios.servers.bearer_tokens import Bearers

_KEY_ID = re.compile(r"Credential=([^/]+)/")
_EXPIRED = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


class Authority:
    """Refuses the keys issued in `state` after their lifetime."""

    token_host = ""

    def __init__(self, state: Path) -> None:
        self._bearers = Bearers(state)

    def token(self, form: bytes) -> Answer:
        """No endpoint of its own."""
        raise NotImplementedError

    def refusal(self, path: str, headers: Headers) -> Answer | None:  # noqa: ARG002 -- a key is for all paths
        """The response that refuses an expired key; None if the request may reach the server."""
        found = _KEY_ID.search(headers.get("authorization", ""))
        bearer = self._bearers.find(found[1]) if found else None
        if found and bearer and self._bearers.expired(found[1], bearer):
            return Answer(400, _EXPIRED, {"content-type": "application/xml"})
        return None

    def vouched(self, path: str, headers: Headers) -> str | None:  # noqa: ARG002
        """None, because the server knows the keys."""
        return None
