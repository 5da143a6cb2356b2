"""Make text safe to publish: no secrets, no control characters, valid UTF-8.

Only the process that runs a case knows the secrets of its calls. It redacts a result, an exploration or the flaw of a
control call before it sends or stores it. `reports.writer` redacts each file again, with the secrets of all cases.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar, cast
from urllib.parse import quote, quote_plus

T = TypeVar("T")

REDACTED = "[redacted]"

#: Shorter values are not redacted, because they occur inside ordinary words.
SHORTEST_SECRET = 4
#: A line of a secret that is at least this long is redacted by itself; a PEM key is printed line by line.
SHORTEST_LINE = 16
#: The encoded form of a shorter value can occur by chance.
SHORTEST_ENCODED = 8

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Remove terminal sequences and control characters from `text`, and convert line ends to `\\n`."""
    return _CONTROL.sub("", _TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))


class Secrets:
    """Secrets, and every form in which a text may contain them.

    A run has thousands of forms, so a search looks only at those whose first characters the text contains.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._by_start: dict[str, list[str]] = {}
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Add more secrets."""
        new = set(secrets) - self._known
        self._known |= new
        for form in forms_of(new):
            self._by_start.setdefault(form[:SHORTEST_SECRET], []).append(form)

    def within(self, text: str) -> list[str]:
        """Return the forms that the text contains, the longest first."""
        starts = {text[index : index + SHORTEST_SECRET] for index in range(len(text) - SHORTEST_SECRET + 1)}
        found = {form for start in starts & self._by_start.keys() for form in self._by_start[start] if form in text}
        return sorted(found, key=len, reverse=True)


def redact(value: T, secrets: Secrets | Iterable[str]) -> T:
    """Return JSON data in which every string is printable and contains no secret in any form."""
    return cast("T", _redact(value, secrets if isinstance(secrets, Secrets) else Secrets(secrets)))


def forms_of(secrets: Iterable[str]) -> dict[str, str]:
    """Map each text to search for, the longest first, to how it encodes the secret.

    The forms are those of URIs, JSON, headers (base64, alone or inside a longer value) and hexadecimal dumps.
    """
    forms = {form: how for secret in secrets for form, how in _forms(printable(secret)).items()}
    return dict(sorted(forms.items(), key=lambda pair: len(pair[0]), reverse=True))


def _redact(value: object, secrets: Secrets) -> object:
    if isinstance(value, str):
        value = printable(value)
        for form in secrets.within(value):
            value = value.replace(form, REDACTED)
        return value
    if isinstance(value, list):
        return [_redact(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _redact(item, secrets) for key, item in value.items()}
    return value


def _forms(secret: str) -> dict[str, str]:
    if len(secret) < SHORTEST_SECRET:
        return {}
    forms = {line: "as it is" for line in secret.splitlines() if len(line) >= SHORTEST_LINE}
    if len(secret) >= SHORTEST_ENCODED:
        forms |= dict.fromkeys(_base64(secret.encode()), "in base64")
        forms |= dict.fromkeys((secret.encode().hex(), secret.encode().hex().upper()), "in hexadecimal")
    encoded = quote(secret, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), encoded)
    forms |= dict.fromkeys((encoded, lower, quote(secret), quote_plus(secret)), "percent-encoded")
    quoted = json.dumps(secret)[1:-1]
    forms |= dict.fromkeys((quoted, quoted.replace("/", "\\/")), "in JSON")
    return forms | {secret: "as it is"}


def _base64(secret: bytes) -> Iterator[str]:
    """Yield the base64 forms of a secret at each offset in the encoded text, in both alphabets."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret + bytes(2))
        part = whole[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6].decode()
        yield part
        yield part.translate(str.maketrans("+/", "-_"))
