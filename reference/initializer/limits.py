"""How long to wait, how often to try, and how much at once. Every number can be set by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from initializer.failure import Failure

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Limits:
    """connect_s: seconds to connect. stall_s: seconds without a byte. attempts: for each request, the first among them.
    connections: open at the same time.
    """

    connect_s: float = 15
    stall_s: float = 20
    attempts: int = 5
    connections: int = 8


def of(environment: Environment, backend: str = "") -> Limits:
    """As set for this backend (`S3_READ_TIMEOUT`, as KServe names them), else for all (`STORAGE_TIMEOUT_S`)."""

    def number(default: float, *names: str) -> float:
        for name in names:
            if environment.get(name):
                return _number(name, environment[name])
        return default

    return Limits(
        connect_s=number(Limits.connect_s, f"{backend}_CONNECT_TIMEOUT", "STORAGE_TIMEOUT_S"),
        stall_s=number(Limits.stall_s, f"{backend}_READ_TIMEOUT", "STORAGE_TIMEOUT_S"),
        attempts=max(1, int(number(Limits.attempts, f"{backend}_MAX_ATTEMPTS", "STORAGE_MAX_ATTEMPTS"))),
        connections=max(1, int(number(Limits.connections, f"{backend}_MAX_FILE_CONCURRENCY"))),
    )


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Failure(name, f"{text!r} is no number", "Give seconds, or a count, as a plain number.") from None
