"""Faults between an initializer and its store, as plain data. The gateway injects them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

#: The minimum size in bytes of a body that counts as a file rather than a listing.
FILE_BYTES = 1 << 18
#: Bytes of a file that pass before a fault. At least FILE_BYTES more must follow.
PART_BYTES = 300_000


@dataclass(frozen=True)
class Fault:
    """A fault for some of the responses of one case.

    kind     answer  replace the response: `status`, `headers` and `text`
             slow    delay the first byte by `delay_s` seconds
             stall   stop after `after` bytes of the body and keep the connection open
             reset   reset the connection (RST) after `after` bytes of the body
             cut     close the connection (FIN) after `after` bytes of the body
    times    the number of responses to hit; None for all.
    skip     the number of responses to spare before that.
    least    the minimum Content-Length of a response that counts, in bytes. Listings are smaller, files larger.
    after    shorter bodies do not count and are not hit. At least FILE_BYTES more must follow.
    request  a regular expression. Only responses to a request with a match count. It is searched in
             `METHOD SCHEME PATH?QUERY` and the lines of headers below, with names in lower case: `host: ...`.
             For an answer, `{path}` in the value of a header stands for the path and query of the request.
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
    request: str = ""


def answering(status: int, text: str = "", *, file: bool, times: int | None = 1, **headers: str) -> Fault:
    """Replace the response to the first request. With `file`, to the first request for a file."""
    return Fault(
        "answer",
        times=times,
        least=FILE_BYTES if file else 0,
        status=status,
        text=text,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def breaking(kind: Literal["stall", "reset", "cut"], *, times: int | None = None) -> Fault:
    """Break the connection in the middle of each file, or of the first `times` files."""
    return Fault(kind, times=times, after=PART_BYTES)


def expiring(status: int, text: str, **headers: str) -> Fault:
    """Replace the response to every request for a file but the first, as if the credentials had expired."""
    return replace(answering(status, text, file=True, times=None, **headers), skip=1)
