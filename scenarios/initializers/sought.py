"""Texts looked for in a stream of any length, with little memory."""

from __future__ import annotations

from collections.abc import Sequence

#: What may divide a text: line ends, as base64(1) writes them, and blanks.
_DIVIDERS = b" \t\r\n"


class Sought:
    """Looks for `texts` in bytes that come piece by piece; `found` has those that were there, as they were given.

    Line ends and blanks do not count, neither in the texts nor in the stream.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.found: set[str] = set()
        plain = {text: text.encode().translate(None, _DIVIDERS) for text in texts}
        self._missing = {text: form for text, form in plain.items() if form}
        self._overlap = max(map(len, self._missing.values()), default=1) - 1
        self._end = b""

    def look(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._missing:
            return
        seen = self._end + data.translate(None, _DIVIDERS)
        for text in [text for text, form in self._missing.items() if form in seen]:
            self.found.add(text)
            del self._missing[text]
        self._end = seen[-self._overlap :] if self._overlap else b""


def found_in(texts: Sequence[str], output: str) -> frozenset[str]:
    """Those of `texts` that stand in a whole output."""
    sought = Sought(texts)
    sought.look(output.encode())
    return frozenset(sought.found)
