"""Running without a sandbox: the paths of a call put where they lie on this machine, and back in what is printed."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scenarios.initializers.base import HDFS_SECRET, NEEDS_SANDBOX, Call
from scenarios.initializers.rootfs import HOME, Rootfs, destinations
from scenarios.reasons import NotOffered


@dataclass(frozen=True)
class HostPaths:
    """Where the paths of a call lie.

    root    the room's folder.
    own     path inside -> path of this machine, for what the initializer may write.
    mounts  the same, for what it is shown.
    """

    root: str
    own: dict[str, str]
    mounts: dict[str, str]

    @classmethod
    def of(cls, call: Call, room: Rootfs) -> HostPaths:
        own = ["/mnt", HOME, *(path for path in destinations(call) if not path.startswith("/mnt/"))]
        mounts = {posixpath.normpath(target): str(source.resolve()) for target, source in call.mounts.items()}
        return cls(str(room.root), {path: f"{room.root}{path}" for path in own}, mounts)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Path of this machine -> path inside."""
        return {self.root: "/", **{here: path for path, here in (self.own | self.mounts).items()}}

    def rewrite(self, text: str) -> str:
        """`text` with every path that begins at one of the places put where it lies on this machine."""
        places = self.own | self.mounts
        return re.sub(rf"(?<![\w.-])({_any(places)})(?![\w.-])", lambda found: places[found[1]], text)

    def argument(self, text: str) -> str:
        """An argument rewritten. A path that leads nowhere, inside and here, stays: messages depend on its name."""
        path = text.removeprefix("file://")
        for mount in sorted(self.mounts, key=len, reverse=True):
            if path.startswith(f"{mount}/") and not os.path.lexists(f"{self.mounts[mount]}{path[len(mount) :]}"):
                return self.rewrite(text) if os.path.lexists(path) else text
        return self.rewrite(text)

    def variable(self, text: str) -> str:
        """The value of a variable rewritten; a folder that only leads to mounts is made here, with links to them."""
        below = {target: source for target, source in self.mounts.items() if target.startswith(f"{text}/")}
        if text.count("/") < 2 or not below:
            return self.rewrite(text)
        for target, source in below.items():
            link = Path(f"{self.root}{target}")
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(source)
        return f"{self.root}{text}"

    def restore(self, text: str) -> str:
        """`text` that a program has printed, with the paths that it would have printed inside."""
        found = re.compile(rf"({_any(self.aliases)})(/|(?![\w-]))")
        return found.sub(lambda match: f"{self.aliases[match[1]].rstrip('/')}{match[2]}" or "/", text)

    def refuse_unfaithful(self, call: Call) -> None:
        """Raises NotOffered for a call that would be another one here."""
        if HDFS_SECRET in self.mounts and HDFS_SECRET not in call.environment.values():
            raise NotOffered(NEEDS_SANDBOX)
        # On this machine, dots and links that leave a place lead elsewhere than inside.
        if any(".." in text.split("/") and self.rewrite(text) != text for text in call.argv):
            raise NotOffered(NEEDS_SANDBOX)
        if any(_leads_out(source) for source in self.mounts.values()):
            raise NotOffered(NEEDS_SANDBOX)


def _any(paths: Mapping[str, str]) -> str:
    return "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True))


def _leads_out(folder: str) -> bool:
    """Whether a link below a folder does not stay there."""
    for above, folders, files in os.walk(folder):
        for path in (posixpath.join(above, name) for name in (*folders, *files)):
            if os.path.islink(path):  # noqa: PTH114
                target = posixpath.normpath(posixpath.join(above, os.readlink(path)))  # noqa: PTH115
                if target != folder and not target.startswith(f"{folder}/"):
                    return True
    return False
