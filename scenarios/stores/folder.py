"""The base of `local` and `pvc`: a local folder that the initializer sees, read-only, at a fixed path."""

from __future__ import annotations

from pathlib import Path

from scenarios.reasons import NotOffered
from scenarios.stores.base import Access, AccessKind, Store, Tree


class Folder(Store):
    """A folder, without server or credentials. A path of a tree that ends in `/` is an empty folder."""

    #: In a pod, such a path belongs to the image or to a volume claim. The rules for claims cover the latter.
    in_pods = False

    def put(self, tree: Tree) -> None:
        for path, content in tree.items():
            target = self._root / path
            if not target.resolve().is_relative_to(self._root.resolve()):
                raise NotOffered(f"{self.name}: a folder cannot have a file at {path!r}")
            if path.endswith("/"):
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def place(self, path: str) -> Path:
        """The host path of `path`, for files that no tree can hold: links, pipes."""
        return self._root / path

    def access(self, kind: AccessKind = "valid") -> Access:
        if kind != "valid":
            raise NotOffered(f"{self.name} needs no credentials")
        self._root.mkdir(parents=True, exist_ok=True)
        return Access(self.gateway.environment(), {**self.gateway.mounts, self.mount: self._root})

    @property
    def _root(self) -> Path:
        return self.scratch / self.name

    def _seen(self, path: str) -> str:
        """`path` as the initializer sees it."""
        return f"{self.mount}/{path}" if path else self.mount
