"""Search for texts in a stream of any length, with little memory."""

from __future__ import annotations

from collections.abc import Sequence

#: Bytes that may split a text: line ends, as base64(1) writes them, and blanks.
_DIVIDERS = b" \t\r\n"


class Sought:
    """Searches for `texts` in a stream. `found` has the texts that occurred, in their original form.

    Ignores line ends and blanks, both in the texts and in the stream.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.found: set[str] = set()
        plain = {text: text.encode().translate(None, _DIVIDERS) for text in texts}
        self._missing = {text: form for text, form in plain.items() if form}
        self._overlap = max(map(len, self._missing.values()), default=1) - 1
        self._end = b""

    def look(self, data: bytes) -> None:
        """Search the next bytes of the stream."""
        if not self._missing:
            return
        seen = self._end + data.translate(None, _DIVIDERS)
        for text in [text for text, form in self._missing.items() if form in seen]:
            self.found.add(text)
            del self._missing[text]
        self._end = seen[-self._overlap :] if self._overlap else b""


def found_in(texts: Sequence[str], output: str) -> frozenset[str]:
    """The texts that occur in a complete output."""
    sought = Sought(texts)
    sought.look(output.encode())
    return frozenset(sought.found)
