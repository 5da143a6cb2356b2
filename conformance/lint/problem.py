"""A problem of a manifest, with its place in the document."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One problem.

    path    the keys and indexes that lead to it.
    text    the problem and the remedy, in one line.
    rule    the rule of the spec that shows what KServe makes of it; "" for none.
    severe  whether KServe refuses the object, or it cannot work.
    """

    path: Path
    text: str
    rule: str = ""
    severe: bool = True

    @property
    def place(self) -> str:
        """The path, as `spec.supportedUriFormats[0]`."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.removeprefix(".")
