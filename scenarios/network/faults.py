"""What may go wrong between an initializer and its store, as plain data: the gateway plays it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

#: Bytes from which on a body is a file's, not a listing's.
FILE_BYTES = 1 << 18
#: Bytes of a file that pass before something happens to the rest, of which as many more must follow.
PART_BYTES = 300_000


@dataclass(frozen=True)
class Fault:
    """What is done to some of the responses that one case gets.

    kind     answer  another answer is given: `status`, `headers` and `text`
             slow    the first byte comes `delay_s` seconds late
             stall   nothing more comes after `after` bytes of the body, and the connection stays open
             reset   the connection is reset (RST) after `after` bytes of the body
             cut     the connection is closed (FIN) after `after` bytes of the body
    times    how many responses the fault hits; None for all.
    skip     how many are spared before that.
    least    bytes of body, by its Content-Length, from which on a response counts. Listings stay below, files above.
    after    shorter bodies neither count nor are hit; at least FILE_BYTES more have to follow.
    """

    kind: Literal["answer", "slow", "stall", "reset", "cut"]
    times: int | None = None
    skip: int = 0
    least: int = 0
    after: int = 0
    delay_s: float = 0.0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def answering(status: int, text: str = "", *, file: bool, times: int | None = 1, **headers: str) -> Fault:
    """Another answer to the first request of all, or with `file` to the first for a file."""
    return Fault(
        "answer",
        times=times,
        least=FILE_BYTES if file else 0,
        status=status,
        text=text,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def breaking(kind: Literal["stall", "reset", "cut"], *, times: int | None = None) -> Fault:
    """In the middle of a file: of each, or of the first `times`."""
    return Fault(kind, times=times, after=PART_BYTES)


def expiring(status: int, text: str, **headers: str) -> Fault:
    """This answer to every request for a file but the first: the credentials have expired meanwhile."""
    return replace(answering(status, text, file=True, times=None, **headers), skip=1)
