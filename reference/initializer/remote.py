"""What every scheme turns a URI into: files that can be read from any byte on. Paths are not yet trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeVar

from initializer.failure import Failure
from initializer.limits import Environment

Entry = TypeVar("Entry")
#: So many entries of a listing may come a second time.
REPEATS = 100


@dataclass(frozen=True)
class RemoteFile:
    """One file of a model.

    path    where it belongs below the destination, as the store says.
    size    in bytes; None where the store does not tell beforehand.
    read    (start, stop) -> the bytes from `start` up to `stop`, exclusive; None: to the end. Raises Transient for what
            may go well at the next try, else Failure.
    parts   whether pieces of it can be read side by side.
    sha256  what the content has to hash to, where the store tells.
    form    `layer`: an archive that is one layer of an image, in order.
    """

    path: str
    size: int | None
    read: Callable[[int, int | None], Iterator[bytes]]
    parts: bool = True
    sha256: str | None = None
    form: Literal["file", "layer"] = "file"


def once(entries: Iterable[tuple[str, Entry]], resource: str) -> Iterator[tuple[str, Entry]]:
    """Each entry once: pages shift while the store changes. Raises Failure where a listing repeats itself for ever."""
    known: set[str] = set()
    repeats = 0
    for key, entry in entries:
        if key not in known:
            known.add(key)
            yield key, entry
            continue
        repeats += 1
        if repeats > REPEATS:
            raise Failure(
                resource, "the listing never ends, it repeats itself", "Check the store and what is before it."
            )


def named(path: str, entries: Iterable[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
    """Of the keys that start with `path`: the one that is it, else those below it, by their path from there.

    entries  (key, anything), in any order. Keys that end in `/` are mere markers.
    """
    folder = path.rstrip("/")
    known = dict(entries)
    if path in known and not path.endswith("/") and path:
        yield path.rpartition("/")[2], known[path]
        return
    for key, entry in known.items():
        below = key.removeprefix(f"{folder}/") if folder else key
        if (not folder or key.startswith(f"{folder}/")) and below and not below.endswith("/"):
            yield below, entry


def chosen(files: Iterable[RemoteFile], uri: str, environment: Environment) -> list[RemoteFile]:
    """The files that STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS leave. Raises Failure when that is none."""
    found = list(files)
    if not found:
        raise Failure(uri, "no model found: there is no file at this place", "Check the path, or upload the model.")
    left = [one for one in found if one.form == "layer" or is_wanted(one.path, environment)]
    if not left:
        raise Failure(uri, f"none of its {len(found)} files passes the patterns", "Check STORAGE_ALLOW_PATTERNS and "
                      "STORAGE_IGNORE_PATTERNS.")  # fmt: skip
    return left


def is_wanted(path: str, environment: Environment) -> bool:
    """Whether the patterns let this path through."""
    allowed = patterns(environment.get("STORAGE_ALLOW_PATTERNS", ""))
    ignored = patterns(environment.get("STORAGE_IGNORE_PATTERNS", ""))
    return (not allowed or _matches(path, allowed)) and not _matches(path, ignored)


def patterns(text: str) -> list[str]:
    """A JSON list, or patterns separated by commas."""
    try:
        listed = json.loads(text)
    except ValueError:
        listed = text.split(",")
    return [one for each in (listed if isinstance(listed, list) else [listed]) if (one := str(each).strip())]


def _matches(path: str, wanted: list[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in wanted)
