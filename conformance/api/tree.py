"""The tree that a call delivers, and how it differs from another tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Tree(dict[str, bytes]):
    """Files below a destination: relative path -> content. Tests compare it with plain dicts.

    links    relative path -> target, for links that do not lead to a file below a destination or mount.
    differs  called when a comparison fails.
    """

    def __init__(self, files: Mapping[str, bytes], links: Mapping[str, str], differs: Callable[[], None]) -> None:
        super().__init__(files)
        self.links = links
        self._differs = differs

    def __eq__(self, other: object) -> bool:
        equal = super().__eq__(other)
        if not equal:
            self._differs()
        return equal

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def difference(actual: Mapping[str, bytes], expected: Mapping[str, bytes]) -> list[str]:
    """Describe how two trees differ, one line for each path. Empty when they are equal."""
    links = actual.links if isinstance(actual, Tree) else {}
    lines = []
    for path in sorted(expected.keys() | actual.keys()):
        if path not in actual and path in links:
            lines.append(f"  - missing     {path!r}: a link to {links[path]}, which is no file below a destination")
        elif path not in actual:
            lines.append(f"  - missing     {path!r} ({len(expected[path])} bytes)")
        elif path not in expected:
            lines.append(f"  + unexpected  {path!r} ({len(actual[path])} bytes)")
        elif actual[path] != expected[path]:
            lines.append(f"  ! differs     {path!r}: {_sizes(actual[path], expected[path])}")
    return lines


def _sizes(actual: bytes, expected: bytes) -> str:
    if len(actual) != len(expected):
        return f"{len(actual)} bytes instead of {len(expected)}"
    at = next(i for i, (a, b) in enumerate(zip(actual, expected, strict=True)) if a != b)
    return f"same size, first difference at byte {at}"
