"""Calls without a sandbox: translate paths inside to host paths, and back in the program's output."""

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
    """The host paths of a call.

    root    the folder of the root file system.
    own     path inside -> host path, for what the initializer may write.
    mounts  path inside -> host path, for read-only mounts.
    """

    root: str
    own: dict[str, str]
    mounts: dict[str, str]

    @classmethod
    def of(cls, call: Call, rootfs: Rootfs) -> HostPaths:
        own = ["/mnt", HOME, *(path for path in destinations(call) if not path.startswith("/mnt/"))]
        mounts = {posixpath.normpath(target): str(source.resolve()) for target, source in call.mounts.items()}
        return cls(str(rootfs.root), {path: f"{rootfs.root}{path}" for path in own}, mounts)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Host path -> path inside."""
        return {self.root: "/", **{here: path for path, here in (self.own | self.mounts).items()}}

    def rewrite(self, text: str) -> str:
        """`text` with every known path inside replaced by its host path."""
        places = self.own | self.mounts
        return re.sub(rf"(?<![\w.-])({_any(places)})(?![\w.-])", lambda found: places[found[1]], text)

    def argument(self, text: str) -> str:
        """Translate an argument. Keeps a path that exists on neither side, because messages depend on its name."""
        path = text.removeprefix("file://")
        for mount in sorted(self.mounts, key=len, reverse=True):
            if path.startswith(f"{mount}/") and not os.path.lexists(f"{self.mounts[mount]}{path[len(mount) :]}"):
                return self.rewrite(text) if os.path.lexists(path) else text
        return self.rewrite(text)

    def variable(self, text: str) -> str:
        """Translate a variable's value. Creates a folder that only contains mounts, with links to them."""
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
        """Program output with host paths replaced by paths inside."""
        found = re.compile(rf"({_any(self.aliases)})(/|(?![\w-]))")
        return found.sub(lambda match: f"{self.aliases[match[1]].rstrip('/')}{match[2]}" or "/", text)

    def refuse_unfaithful(self, call: Call) -> None:
        """Raise NotOffered for a call whose paths would mean something else on the host."""
        if HDFS_SECRET in self.mounts and HDFS_SECRET not in call.environment.values():
            raise NotOffered(NEEDS_SANDBOX)
        # On the host, `..` and links that leave a folder lead elsewhere than inside.
        if any(".." in text.split("/") and self.rewrite(text) != text for text in call.argv):
            raise NotOffered(NEEDS_SANDBOX)
        if any(_leads_out(source) for source in self.mounts.values()):
            raise NotOffered(NEEDS_SANDBOX)


def _any(paths: Mapping[str, str]) -> str:
    return "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True))


def _leads_out(folder: str) -> bool:
    """Whether a link below a folder points outside it."""
    for above, folders, files in os.walk(folder):
        for path in (posixpath.join(above, name) for name in (*folders, *files)):
            if os.path.islink(path):  # noqa: PTH114
                target = posixpath.normpath(posixpath.join(above, os.readlink(path)))  # noqa: PTH115
                if target != folder and not target.startswith(f"{folder}/"):
                    return True
    return False
