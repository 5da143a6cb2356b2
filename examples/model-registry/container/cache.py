"""A cache of trees by their digest, in a folder that several pods may share.

Only artifacts with a registered digest are cached: a name can get other content, a digest cannot. Every delivery from
the cache computes the digest again, so that nobody can change a model by writing to the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initializer import transfer
from initializer.limits import Environment
from initializer.placing import Staging


@dataclass(frozen=True)
class Cache:
    """A folder with a subfolder for each digest. The cache never prevents a delivery: its own errors are messages."""

    folder: Path

    @classmethod
    def of(cls, environment: Environment) -> Cache | None:
        """The cache at MODEL_REGISTRY_CACHE; None if it is not set."""
        folder = environment.get("MODEL_REGISTRY_CACHE")
        return cls(Path(folder)) if folder else None

    def deliver(self, digest: str, staging: Staging) -> bool:
        """Copy the tree of this digest into the staging folder. Returns whether it was there, and whole."""
        source = self._place(digest)
        if not source.is_dir():
            return False
        try:
            for path in files(source):
                shutil.copyfile(source / path, staging.create(path), follow_symlinks=False)
            if tree_digest(staging.tree) == digest:
                return True
            transfer.say(f"the cached copy of {digest} has changed, and is removed")
            shutil.rmtree(source)
        except OSError as error:
            transfer.say(f"the cache cannot be used: {error.strerror}")
        staging.open()
        return False

    def keep(self, digest: str, tree: Path) -> None:
        """Copy a tree into the cache, for the next delivery."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as aside:
                copy = shutil.copytree(tree, Path(aside, "tree"))
                if not self._place(digest).exists():
                    copy.rename(self._place(digest))
        except OSError as error:
            transfer.say(f"the cache keeps no copy: {error.strerror or type(error).__name__}")

    def _place(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")


def tree_digest(tree: Path) -> str:
    """`sha256:` of what `sha256sum` prints for the files of the tree, sorted by path as bytes."""
    whole = hashlib.sha256()
    for path in files(tree):
        with (tree / path).open("rb") as content:
            whole.update(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {path}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def files(tree: Path) -> Iterator[str]:
    """The paths of the regular files below a folder, sorted as bytes. Links are not followed."""
    found = [Path(folder, name) for folder, _, names in os.walk(tree) for name in names]
    paths = (str(path.relative_to(tree)) for path in found if path.is_file() and not path.is_symlink())
    yield from sorted(paths, key=os.fsencode)
