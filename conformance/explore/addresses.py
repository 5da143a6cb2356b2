"""Examples of URIs that are not quite right: the edits of a URI, and what the result may still name."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from conformance.explore.examples import TWO, Example, Play, named
from conformance.explore.scope import Feature
from scenarios.stores.base import Store


@dataclass(frozen=True)
class Address(Example):
    """A URI that is no longer quite that of the model `m` or of a file in it. It may be refused.

    edits  what was done to the URI, in order: the name of an edit and the place.
    """

    path: str
    edits: tuple[tuple[str, int], ...]

    def play(self, store: Store) -> Play:
        store.put(TWO)
        start, rest = self._halves(store)
        for name, place in self.edits:
            rest = _edited(rest, name, place)
        uri = start + rest
        for name, place in self.edits:
            uri = WHOLE[name](uri) if name in WHOLE and place >= 0 else uri
        return Play([uri], [[named(TWO, path) for path in _named_by(rest) if named(TWO, path)]], refusable=True)

    def _halves(self, store: Store) -> tuple[str, str]:
        """Return the part of the URI that leads to the test's part of the store, and the path in it."""
        uri = store.uri(self.path)
        place = next(text for text in (store.case, store.mount, "://") if text and text in uri)
        start, known, rest = uri.partition(place)
        return start + known, rest

    def features(self) -> Sequence[Feature]:
        trailing = [Feature("PLACE-003")] * any(name == "trailing slash" for name, _ in self.edits)
        edits = [Feature("", name) for name, _ in self.edits if name != "trailing slash"]
        return [*edits, *trailing, Feature("PLACE-004" if self.path in TWO else "PLACE-001")]

    def __str__(self) -> str:
        done = ", ".join(f"{name} at {place}" if name in PARTS else name for name, place in self.edits)
        return f"the URI of {self.path!r} after these edits: {done}; the store has {', '.join(map(repr, TWO))}"


#: Edits of the path, at a place counted over its slashes or characters.
PARTS = ("doubled slash", "dot segment", "parent segment", "encoded slash", "encoded character", "segment dropped")
#: Edits of the end of the path.
ENDS = {"trailing slash": "/", "absent word": "/absent", "query": "?x=1", "fragment": "#x", "space": " "}
#: Edits of the whole URI.
WHOLE: dict[str, Callable[[str], str]] = {
    "upper-case scheme": lambda uri: uri.partition("://")[0].upper() + "://" + uri.partition("://")[2],
    "one slash after the scheme": lambda uri: uri.replace("://", ":/", 1),
    "leading space": lambda uri: f" {uri}",
}


def _edited(path: str, name: str, place: int) -> str:
    if name in ENDS:
        return path + ENDS[name]
    if name == "encoded character":
        letters = [at for at, char in enumerate(path) if char.isalnum() and "%" not in path[max(0, at - 2) : at]]
        at = letters[place % len(letters)] if letters else -1
        return path if at < 0 else f"{path[:at]}%{ord(path[at]):02X}{path[at + 1 :]}"
    slashes = [at for at, char in enumerate(path) if char == "/"]
    if name not in PARTS or not slashes:
        return path
    at = slashes[place % len(slashes)]
    if name == "segment dropped":
        end = path.find("/", at + 1)
        return path[:at] + (path[end:] if end > 0 else "")
    into = {"doubled slash": "//", "dot segment": "/./", "parent segment": "/x/../", "encoded slash": "%2F"}
    return path[:at] + into[name] + path[at + 1 :]


def _named_by(path: str) -> set[str]:
    """Return the paths that a URI with this path may name: decoded or not, with its empty and dot segments resolved."""
    found = set()
    for text in (path, path.partition("?")[0], path.partition("#")[0], path.partition("?")[0].partition("#")[0]):
        for one in (text, unquote(text), text.strip(), unquote(text).strip()):
            clean = posixpath.normpath(f"/{one}").strip("/")
            found |= {clean, clean.removesuffix(".git"), clean.partition(":")[0]}
    return found
