"""The audit log: one JSON object a line on stderr, for each delivery that succeeded or failed. It has no secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from initializer import transfer
from initializer.failure import Failure, printable
from registry import Registered


def delivered(uri: str, found: Registered, source: str, seconds: float) -> None:
    """Log what was delivered, from the `cache` or the `store`."""
    _write("delivered", uri, found, source=source, seconds=round(seconds, 2))


def failed(uri: str, found: Registered | None, failure: Failure) -> None:
    """Log why nothing was delivered. `found` is None if the registry gave no artifact."""
    _write("failed", uri, found, cause=failure.cause)


def _write(event: str, uri: str, found: Registered | None, **more: object) -> None:
    what = (
        {
            "registry": printable(found.registry),
            "model": found.model,
            "version": found.version,
            "artifact": found.artifact,
            "content": printable(found.place),
            "digest": found.digest,
        }
        if found
        else {}
    )
    line = {"audit": event, "time": datetime.now(UTC).isoformat(timespec="seconds"), "uri": printable(uri)}
    transfer.say(json.dumps(line | what | more))
