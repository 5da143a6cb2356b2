"""Text for a terminal: wrapped to its width, and in colour where it has any."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from reports.redact import printable

#: The style of a heading; styles are the parameters of the terminal's sequence for them.
HEADING = "1"


def wrapped(text: str, width: int, indent: str = "", hang: int = 0, style: str = "") -> Sequence[str]:
    """`text` in lines of at most `width`, those after the first one `hang` columns further in."""
    lines = textwrap.wrap(
        printable(text), width, initial_indent=indent, subsequent_indent=indent + " " * hang, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [paint(line, style, bool(style)) for line in lines]


def paint(text: str, style: str, colour: bool) -> str:
    """`text` between the sequences that switch a style on and off."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style else text
