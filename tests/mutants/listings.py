"""Mutants that select the wrong keys of a bucket for the requested path, or stumble over a placeholder."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from tests.mutants.registry import mutant, part, wrap

Entries = Iterable[tuple[str, Any]]


@mutant("PLACE-002", "PLACE-005", "PLACE-016", stores=("s3",))
def takes_siblings() -> None:
    """Takes every key that starts with the path: `model-2/` comes along with `model/`, and `m.bin.bak` with `m.bin`."""

    def named(path: str, entries: Entries) -> Iterator[tuple[str, Any]]:
        for key, entry in entries:
            yield (
                key.removeprefix(posixpath.dirname(path)).lstrip("/") if key != path else posixpath.basename(key),
                entry,
            )

    def by_folder(former: Any, path: str, entries: Entries) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        listed = list(entries)
        inside = list(former(path, listed))
        yield from inside
        known = {id(entry) for _, entry in inside}
        yield from named(path, [(key, entry) for key, entry in listed if id(entry) not in known])

    wrap(part("remote"), "named", by_folder)


@mutant("PLACE-003", stores=("s3",))
def trailing_slash_matters() -> None:
    """Looks for `model//` when it is asked for `model/`."""
    wrap(part("remote"), "named", lambda former, path, entries: former(path, entries if path[-1:] != "/" else []))


@mutant("PLACE-004", stores=("s3",))
def single_file_keeps_its_folders() -> None:
    """Puts the object `tf/1/saved_model.pb` at `tf/1/saved_model.pb`."""
    wrap(
        part("remote"),
        "named",
        lambda former, path, entries: (
            (path if path.endswith(f"/{name}") else name, e) for name, e in former(path, entries)
        ),
    )


@mutant("PLACE-006", stores=("s3",))
def root_is_nothing() -> None:
    """Finds nothing when no path is named."""
    wrap(part("remote"), "named", lambda former, path, entries: former(path, entries if path.strip("/") else []))


@mutant("PLACE-007", stores=("s3",))
def every_segment_of_that_name_cut() -> None:
    """Cuts the folder's name out of keys wherever it stands."""

    def named(former: Any, path: str, entries: Entries) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        for name, entry in former(path, entries):
            yield name.replace(f"{posixpath.basename(path)}/", ""), entry

    wrap(part("remote"), "named", named)


@mutant("PLACE-008", stores=("s3",))
def file_named_like_its_folder_moved() -> None:
    """Puts a file that is called like the folder into another folder of that name."""

    def named(former: Any, path: str, entries: Entries) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        folder = posixpath.basename(path)
        for name, entry in former(path, entries):
            yield f"{folder}/{name}" if name.partition(".")[0] == folder else name, entry

    wrap(part("remote"), "named", named)


@mutant("PLACE-010", "LIST-012", stores=("s3",))
def markers_are_files() -> None:
    """Delivers the placeholder `model/1/` as a file `1`."""

    def named(path: str, entries: Entries) -> Iterator[tuple[str, Any]]:
        for key, entry in entries:
            if key.startswith(f"{path}/") and key != f"{path}/":
                yield key.removeprefix(f"{path}/").rstrip("/"), entry

    part("remote").named = named


@mutant("LIST-008", stores=("s3",))
def order_expected() -> None:
    """Takes a key that is smaller than the one before for the end of the listing."""

    def named(former: Any, path: str, entries: Entries) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        highest = ""
        ascending = []
        for key, entry in entries:
            if key < highest:
                break
            highest = key
            ascending.append((key, entry))
        yield from former(path, ascending)

    wrap(part("remote"), "named", named)


@mutant("LIST-009", stores=("s3",))
def markers_of_hadoop_are_folders() -> None:
    """Takes `1_$folder$` for the folder itself, which is empty, and leaves out what is in `1/`."""

    def named(former: Any, path: str, entries: Entries) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        known = dict(entries)
        yield from former(
            path, [(key, known[key]) for key in known if f"{posixpath.dirname(key)}_$folder$" not in known]
        )

    wrap(part("remote"), "named", named)


@mutant("LIST-010", stores=("azure-blob",))
def data_lakes_unknown() -> None:
    """Takes the placeholder of a folder in a data lake for a file."""
    part("schemes.azure_blob").is_folder = lambda _blob: False


@mutant("LIST-011", stores=("s3",))
def empty_object_wins() -> None:
    """Delivers the empty object `sub`, and leaves out what would be below it."""

    def named(former: Any, path: str, entries: Entries) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        found = dict(former(path, entries))
        for name, entry in found.items():
            if posixpath.dirname(name) not in found:
                yield name, entry

    wrap(part("remote"), "named", named)
