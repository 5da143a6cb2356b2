"""What a call left behind: the files of its folder, read as the initializer saw them."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.initializers.base import Entry

_MOST_LINKS = 40  # as the kernel


def listing(root: Path) -> dict[str, int]:
    """Every path below `root` (as seen from inside, with its leading `/`) -> st_mode.

    Folders and files that their modes close are opened for reading, so that they can be compared and removed;
    the answer has the modes as they were.
    """
    modes: dict[str, int] = {}
    pending = [(root, "")]
    while pending:
        folder, inside = pending.pop()
        for entry in os.scandir(folder):
            mode = entry.stat(follow_symlinks=False).st_mode
            path = f"{inside}/{entry.name}"
            modes[path] = mode
            if stat.S_ISDIR(mode):
                if mode & 0o700 != 0o700:
                    Path(entry.path).chmod(stat.S_IMODE(mode) | 0o700)
                pending.append((Path(entry.path), path))
            elif stat.S_ISREG(mode) and not mode & 0o400:
                Path(entry.path).chmod(stat.S_IMODE(mode) | 0o400)
    return modes


def strays(modes: Mapping[str, int], known: Collection[str], allowed: Sequence[str]) -> list[str]:
    """The paths of `modes` that are neither `known` nor below an `allowed` folder; of folders the empty ones only."""
    parents = {posixpath.dirname(path) for path in modes}
    return sorted(
        path
        for path, mode in modes.items()
        if path not in known
        and path not in parents
        and not any(_below(path, folder) for folder in allowed)
        # An initializer may make the folders that lead to a destination.
        and not (stat.S_ISDIR(mode) and any(_below(folder, path) for folder in allowed))
    )


@dataclass(frozen=True)
class View:
    """The file system of a call.

    root     the folder that was `/`.
    modes    its `listing`.
    mounts   path inside -> file or folder of this machine.
    aliases  path of this machine -> path inside, where the initializer was told paths of this machine.
    """

    root: Path
    modes: Mapping[str, int]
    mounts: Mapping[str, Path] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def tree(self, destination: str, open_to: Sequence[str]) -> dict[str, Entry]:
        """The entries below `destination`; links are followed as far as they lead below `open_to` or a mount."""
        top = self._resolve(destination)
        if top is None or not self._place(top).is_dir():
            return {}
        return dict(self._entries(top, "", (top,), (*open_to, *self.mounts)))

    def _entries(
        self, folder: str, relative: str, trail: tuple[str, ...], open_to: Sequence[str]
    ) -> Iterator[tuple[str, Entry]]:
        try:
            names = sorted(path.name for path in self._place(folder).iterdir())
        except PermissionError:  # only in a mount: all else is open since `listing`
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
            yield key, Entry(stat.S_IMODE(mode), _content(place) if stat.S_ISREG(mode) else None, link)
            if stat.S_ISDIR(mode) and target not in trail:
                yield from self._entries(target, f"{key}/", (*trail, target), open_to)

    def _place(self, path: str) -> Path:
        """Where `path`, without links in it, lies on this machine."""
        for mount in sorted(self.mounts, key=len, reverse=True):
            if _below(path, mount):
                return Path(f"{self.mounts[mount]}{path[len(mount) :]}")
        return Path(f"{self.root}{path}")

    def _link(self, path: str) -> str | None:
        """What the link at `path` says; None for anything else. A mount's own place is no link."""
        if path in self.mounts:
            return None
        place = self._place(path)
        if not place.is_symlink():
            return None
        text = str(place.readlink())
        for here in sorted(self.aliases, key=len, reverse=True):
            if _below(text, here):
                return f"{self.aliases[here]}{text[len(here) :]}"
        return text

    def _resolve(self, path: str) -> str | None:
        """`path` without links and dots, as the initializer saw it; None if it leads nowhere.

        The machine's own resolution would leave the call's folder at the first absolute link.
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
            elif os.path.lexists(self._place(here)):
                done = here
            else:
                return None
        return done or "/"


def _content(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except PermissionError:  # only in a mount: all else is readable since `listing`
        return None


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
