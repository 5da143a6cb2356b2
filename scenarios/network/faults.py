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
    times    how many responses are struck; None for all.
    skip     how many are spared before that.
    least    bytes of body, by its Content-Length, from which on a response counts. Listings stay below, files above.
    after    shorter bodies neither count nor are struck; at least FILE_BYTES more have to follow.
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


#: Store -> how its clients are told to be less patient than they are by default, so that a run is shorter.
#: KServe reads those for S3 since 0.17, the hub's client those for `hf` in every release that has it.
IMPATIENT: Mapping[str, Mapping[str, str]] = {
    "s3": {"S3_CONNECT_TIMEOUT": "5", "S3_READ_TIMEOUT": "8", "S3_MAX_ATTEMPTS": "3"},
    "hf": {"HF_HUB_DOWNLOAD_TIMEOUT": "8", "HF_HUB_ETAG_TIMEOUT": "8"},
}

_AZURE = "<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code><Message>Signature not valid in the specified "
_AZURE += "time frame: the token has expired.</Message></Error>"
#: Store -> how it answers a request with credentials that were good until a moment ago. What is fetched in one request
#: cannot lose its credentials midway.
EXPIRED: Mapping[str, tuple[int, str, Mapping[str, str]]] = {
    "s3": (
        400,
        "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
        {"content_type": "application/xml"},
    ),
    "gcs": (
        401,
        '{"error": {"code": 401, "message": "Invalid Credentials: the token has expired."}}',
        {"content_type": "application/json"},
    ),
    "azure-blob": (403, _AZURE, {"content_type": "application/xml", "x_ms_error_code": "AuthenticationFailed"}),
    "azure-files": (403, _AZURE, {"content_type": "application/xml", "x_ms_error_code": "AuthenticationFailed"}),
    "webhdfs": (401, "The token has expired.", {"content_type": "text/plain"}),
    "hf": (401, "The token has expired.", {"content_type": "text/plain"}),
}


def expiring(store: str) -> Fault:
    """The credentials expire after the first file."""
    status, text, headers = EXPIRED[store]
    return replace(answering(status, text, file=True, times=None, **headers), skip=1)
