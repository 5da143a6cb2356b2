"""Text that may be shown: without secrets, without control characters, valid in UTF-8."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TypeVar, cast
from urllib.parse import quote

T = TypeVar("T")

REDACTED = "[redacted]"

#: A shorter value would tear holes into ordinary words.
SHORTEST_SECRET = 4
#: Lines of a secret that are long enough to be telling (a PEM key is printed line by line).
SHORTEST_LINE = 16

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """`text` without terminal sequences, with line ends as `\\n`, and with every other control character dropped."""
    return _CONTROL.sub("", _TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))


def redact(value: T, secrets: Iterable[str]) -> T:
    """JSON data with every string printable and free of the secrets, also in their percent-encoded and JSON form."""
    return cast("T", _redact(value, forms_of(secrets)))


def forms_of(secrets: Iterable[str]) -> list[str]:
    """What to look for, the longest first: the secrets, and how URIs and JSON write them."""
    return sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)


def _redact(value: object, forms: list[str]) -> object:
    if isinstance(value, str):
        value = printable(value)
        for form in forms:
            value = value.replace(form, REDACTED)
        return value
    if isinstance(value, list):
        return [_redact(item, forms) for item in value]
    if isinstance(value, dict):
        return {key: _redact(item, forms) for key, item in value.items()}
    return value


def _forms(secret: str) -> set[str]:
    secret = printable(secret)
    if len(secret) < SHORTEST_SECRET:
        return set()
    lines = {line for line in secret.splitlines() if len(line) >= SHORTEST_LINE}
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]} | lines
