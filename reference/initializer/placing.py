"""Where files go: staged in a hidden folder of the destination, published by rename when all of them are there.

Nothing in the staging folder is ever a link, so a contained path leads nowhere else.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

from initializer.failure import Failure

HIDDEN = ".storage-initializer"
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def contained(path: str) -> str:
    """The path, if it stays below the destination. Raises Failure."""
    parts = path.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\0" in path or parts[0] == HIDDEN:
        raise Failure(ascii(path), "invalid name: it leads out of the destination", "Rename it in the store.")
    return path


class Staging:
    """The hidden folder of one destination: `tree` is what will be published, `aside` what will not."""

    def __init__(self, destination: str) -> None:
        self.destination = Path(os.path.abspath(destination))  # noqa: PTH100 -- links stay as they are
        self.folder = self.destination / HIDDEN
        self.tree = self.folder / "tree"
        self.aside = self.folder / "aside"

    def open(self) -> None:
        """Make the destination and an empty staging folder; what a killed run left there goes."""
        self.destination.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        self.discard()
        for folder in (self.folder, self.tree, self.aside):
            folder.mkdir(0o700)

    def make_folder(self, path: str) -> Path:
        """The folder `path` of the tree, made with its parents."""
        folder = self.tree
        for part in contained(path).split("/"):
            folder /= part
            if not folder.is_dir():
                folder.mkdir(FOLDER_MODE)
        return folder

    def create(self, path: str, *, replace: bool = False) -> Path:
        """A new, empty file at `path` of the tree. Raises Failure for a path that leads out, or is taken."""
        parent, _, name = contained(path).rpartition("/")
        place = (self.make_folder(parent) if parent else self.tree) / name
        if replace:
            self.remove(path)
        return _create(place)

    def create_aside(self, name: str) -> Path:
        """A new, empty file that will not be published."""
        return _create(self.aside / name)

    def remove(self, path: str) -> None:
        """Take `path`, a file or a folder with all below it, out of the tree, if it is there."""
        place = self.tree / contained(path)
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def is_empty(self) -> bool:
        """Whether there is no file in the tree."""
        return not any(files for _, _, files in os.walk(self.tree))

    def publish(self) -> None:
        """Move the tree into the destination, over files of the same names; all others stay."""
        for folder, names, files in os.walk(self.tree):
            target = self.destination / os.path.relpath(folder, self.tree)
            for name in names:
                open_folder(target / name)
            for name in files:
                os.replace(Path(folder, name), target / name)  # noqa: PTH105 -- over links too, not through them

    def discard(self) -> None:
        """Remove the staging folder, whatever is in it."""
        if self.folder.is_symlink():
            self.folder.unlink()
        elif self.folder.exists():
            shutil.rmtree(self.folder)


def open_folder(folder: Path) -> None:
    """Make a folder of the destination, unless it is there. Raises Failure for a link: it may lead anywhere."""
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise Failure(str(folder), "a file or link is in the way of a folder", "Empty the destination.") from None


def reserve(staging: Staging, size: int) -> None:
    """Raises Failure where the destination's disk has no room for `size` bytes."""
    free = shutil.disk_usage(staging.destination).free
    if size > free:
        raise no_room(str(staging.destination), f"the model has {size} bytes, {free} are free")


def no_room(resource: str, detail: str) -> Failure:
    """The disk is full, or would be."""
    return Failure(resource, f"no space left on device: {detail}", "Give the volume at the destination more room.")


def failure(error: OSError, destination: str) -> Failure:
    """What an error of the file system means for the destination."""
    resource = str(error.filename or destination)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return no_room(resource, "the file system takes no more")
    text = os.strerror(error.errno) if error.errno else type(error).__name__
    return Failure(resource, f"the destination cannot be used: {text}", "Mount a writable folder there.")


def _create(place: Path) -> Path:
    try:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE))
    except (FileExistsError, NotADirectoryError):
        raise Failure(ascii(place.name), "two files of the model have this path", "Rename one of them.") from None
    return place
