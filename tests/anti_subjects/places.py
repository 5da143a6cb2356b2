"""Cheats about what is delivered, and where."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.anti_subjects.downloader import Downloader
from tests.anti_subjects.registry import cheat


@cheat("PLACE-026", stores=("s3",))
class FirstPage(Downloader):
    """Takes the first page of a listing for the whole."""

    def keys(self, bucket: Any, prefix: str) -> Iterable[str]:  # noqa: ANN401
        answer = bucket.meta.client.list_objects_v2(Bucket=bucket.name, Prefix=prefix)
        return [found["Key"] for found in answer.get("Contents", [])]


@cheat("CONTRACT-005", stores=("s3",))
class Mirror(Downloader):
    """Empties each folder of the model before it fills it."""

    def fetch(self, source: str, dest: Path) -> None:
        self.emptied: set[Path] = {dest}
        super().fetch(source, dest)

    def place_object(self, bucket: Any, key: str, target: Path) -> Path:  # noqa: ANN401
        if target.parent not in self.emptied:
            self.emptied.add(target.parent)
            shutil.rmtree(target.parent, ignore_errors=True)
        return super().place_object(bucket, key, target)


@cheat("PLACE-004")
class Link(Downloader):
    """Keeps the file in /tmp, and delivers a link to it."""

    def download(self, uri: str, dest: Path) -> Path:
        name = super().download(uri, Path("/tmp/kept")).name  # noqa: S108
        dest.mkdir(parents=True, exist_ok=True)
        (dest / name).unlink(missing_ok=True)
        (dest / name).symlink_to(f"/tmp/kept/{name}")  # noqa: S108
        return dest / name


@cheat("CONTRACT-009")
class SharedMemory(Downloader):
    """Writes to /dev/shm."""

    def fetch(self, source: str, dest: Path) -> None:
        super().fetch(source, dest)
        Path("/dev/shm/left").write_text(source)  # noqa: S108


@cheat("CONTRACT-009")
class OtherTemporaries(Downloader):
    """Writes to /var/tmp."""

    def fetch(self, source: str, dest: Path) -> None:
        super().fetch(source, dest)
        Path("/var/tmp/left").write_text(source)  # noqa: S108


@cheat("CONTRACT-008")
class ClosedDestination(Downloader):
    """Leaves the destination to its own user."""

    def fetch(self, source: str, dest: Path) -> None:
        super().fetch(source, dest)
        dest.chmod(0o700)


@cheat("CONTRACT-009")
class Transient(Downloader):
    """Keeps a cache in its home while it works."""

    def fetch(self, source: str, dest: Path) -> None:
        cache = Path.home() / ".cache" / "models"
        cache.mkdir(parents=True)
        (cache / "m").write_text(source)
        super().fetch(source, dest)
        shutil.rmtree(cache.parent)


@cheat("CONTRACT-004")
class ClosedParents(Downloader):
    """Makes the parents of the destination for its own user alone."""

    def fetch(self, source: str, dest: Path) -> None:
        missing = [parent for parent in dest.parents if not parent.exists()]
        super().fetch(source, dest)
        for parent in missing:
            parent.chmod(0o700)


@cheat("PLACE-015", stores=("s3",))
class NoHiddenFiles(Downloader):
    """Leaves out files whose names begin with a dot."""

    def keys(self, bucket: Any, prefix: str) -> Iterable[str]:  # noqa: ANN401
        return (key for key in super().keys(bucket, prefix) if "/." not in key)


@cheat("PLACE-015", stores=("s3",))
class LineEnds(Downloader):
    """Writes text as this machine has it."""

    def place_object(self, bucket: Any, key: str, target: Path) -> Path:  # noqa: ANN401
        placed = super().place_object(bucket, key, target)
        if placed.suffix in {".json", ".txt", ".yaml", ".md", ".properties"}:
            placed.write_bytes(placed.read_bytes().replace(b"\r\n", b"\n"))
        return placed
