"""Format text for a terminal: wrapped to its width, and in colour if it supports colours."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from reports.redact import printable

#: Style of a heading. A style holds the parameters of an ANSI escape sequence.
HEADING = "1"


def wrapped(text: str, width: int, indent: str = "", hang: int = 0, style: str = "") -> Sequence[str]:
    """Wrap `text` to at most `width` columns, and indent all lines but the first by `hang` columns."""
    lines = textwrap.wrap(
        printable(text), width, initial_indent=indent, subsequent_indent=indent + " " * hang, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [paint(line, style, bool(style)) for line in lines]


def paint(text: str, style: str, colour: bool) -> str:
    """Enclose `text` in the escape sequences that switch a style on and off."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style else text
