"""The files that a call left behind, read as the initializer saw them."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.initializers.base import Entry

_MOST_LINKS = 40  # as in the kernel


def listing(root: Path) -> dict[str, int]:
    """Every path below `root` (as seen inside, with its leading `/`) -> st_mode.

    Makes unreadable folders and files readable, so that they can be compared and removed. The result has their original
    modes.
    """
    modes: dict[str, int] = {}
    # By descriptors, because a hostile tree may be deeper than PATH_MAX.
    for folder, folders, files, at in os.fwalk(root, onerror=_raise):
        for name in (*folders, *files):
            mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
            modes[f"{folder.removeprefix(str(root))}/{name}"] = mode
            needed = 0o700 if stat.S_ISDIR(mode) else 0o400 if stat.S_ISREG(mode) else 0
            if mode & needed != needed:
                os.chmod(name, stat.S_IMODE(mode) | needed, dir_fd=at)
    return modes


def _raise(error: OSError) -> None:
    raise error


def unexpected_writes(modes: Mapping[str, int], known: Collection[str], allowed: Sequence[str]) -> list[str]:
    """The paths of `modes` that are neither `known` nor below an `allowed` folder. Lists only empty folders."""
    parents = {posixpath.dirname(path) for path in modes}
    return sorted(
        path
        for path, mode in modes.items()
        if path not in known
        and path not in parents
        and not any(_below(path, folder) for folder in allowed)
        # An initializer may create the parent folders of a destination.
        and not (stat.S_ISDIR(mode) and any(_below(folder, path) for folder in allowed))
    )


def changed(
    before: Mapping[str, int],
    after: Mapping[str, int],
    modes: Mapping[str, int],
    known: Collection[str],
    allowed: Sequence[str],
) -> list[str]:
    """Folders in which an entry was created and removed: their change time differs, but they contain nothing new.

    before, after  folder -> the time of the last creation or removal of an entry in it.
    modes, known and allowed are those of `unexpected_writes`.
    """
    grown = {posixpath.dirname(path) for path in modes if path not in known}
    return sorted(
        path
        for path in before.keys() & after.keys()
        if before[path] != after[path]
        and path not in grown
        and not any(_below(path, folder) or _below(folder, path) for folder in allowed)
    )


@dataclass(frozen=True)
class View:
    """The file system of a call.

    root     the folder that was `/`.
    modes    its `listing`.
    mounts   path inside -> host file or folder.
    aliases  host path -> path inside, if the initializer received host paths.
    hashed   whether to record SHA-256 digests of files instead of their content.
    """

    root: Path
    modes: Mapping[str, int]
    mounts: Mapping[str, Path] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    hashed: bool = False

    def tree(self, destination: str, open_to: Sequence[str]) -> dict[str, Entry]:
        """The entries below `destination`. Follows links that lead below `open_to` or a mount."""
        top = self._resolve(destination)
        if top is None or not self._place(top).is_dir():
            return {}
        return dict(self._entries(top, "", (top,), (*open_to, *self.mounts)))

    def _entries(
        self, folder: str, relative: str, trail: tuple[str, ...], open_to: Sequence[str], linked: bool = False
    ) -> Iterator[tuple[str, Entry]]:
        try:
            names = sorted(path.name for path in self._place(folder).iterdir())
        except OSError:  # unreadable, only possible in a mount, or longer than PATH_MAX
            return
        for name in names:
            path, key = f"{folder}/{name}", f"{relative}{name}"
            link = self._link(path)
            target = path if link is None else self._resolve(path)
            if target is None or not (link is None or any(_below(target, allowed) for allowed in open_to)):
                yield key, Entry(0o777, None, link)
                continue
            place = self._place(target)
            mode = self.modes.get(target) or place.lstat().st_mode
            yield key, Entry(stat.S_IMODE(mode), self._content(place) if stat.S_ISREG(mode) else None, link)
            # Links next to their target folders would double the number of entries at every level.
            doubling = linked and link is not None and _below(target, trail[0])
            if stat.S_ISDIR(mode) and target not in trail and not doubling:
                yield from self._entries(target, f"{key}/", (*trail, target), open_to, linked or link is not None)

    def _content(self, place: Path) -> bytes | None:
        try:
            with place.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").digest() if self.hashed else stream.read()
        except PermissionError:  # only in a mount: `listing` made all else readable
            return None

    def _place(self, path: str) -> Path:
        """The host path of `path`, which contains no links."""
        for mount in sorted(self.mounts, key=len, reverse=True):
            if _below(path, mount):
                return Path(f"{self.mounts[mount]}{path[len(mount) :]}")
        return Path(f"{self.root}{path}")

    def _link(self, path: str) -> str | None:
        """The target of the link at `path`; None for anything else. A mount point is no link."""
        if path in self.mounts:
            return None
        place = self._place(path)
        if not os.path.islink(place):  # noqa: PTH114 -- no error for a path that is too long to be asked
            return None
        text = str(place.readlink())
        for here in sorted(self.aliases, key=len, reverse=True):
            if _below(text, here):
                return f"{self.aliases[here].rstrip('/')}{text[len(here) :]}" or "/"
        return text

    def _resolve(self, path: str) -> str | None:
        """`path` without links and dots, as the initializer saw it; None if it does not exist.

        The host's own resolution would leave the call's folder at the first absolute link.
        """
        done, pending, links = "", path.split("/")[::-1], 0
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                done = posixpath.dirname(done).rstrip("/")
                continue
            here = f"{done}/{part}"
            if (link := self._link(here)) is not None:
                links += 1
                if links > _MOST_LINKS:
                    return None
                done = "" if link.startswith("/") else done
                pending.extend(link.split("/")[::-1])
            elif os.path.lexists(self._place(here)) or any(_below(mount, here) for mount in self.mounts):
                done = here
            else:
                return None
        return done or "/"


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
