"""`file://PATH`, and absolute paths such as a claim mounted at /mnt/pvc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from initializer import transfer
from initializer.failure import Failure, not_found
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "LOCAL"
#: What belongs to the container and the node; a model lies on a volume.
FORBIDDEN = ("/proc", "/sys", "/dev", "/etc", "/run", "/root", "/boot", "/var/run", "/var/secrets", "/var/lib")
#: A claim: links between its folders are its own business.
CLAIM = "/mnt/pvc"
REMEDY = "Check the path, and that the volume is mounted there."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:  # noqa: ARG001 -- no settings
    """The file at the path, or all below it."""
    path = uri.removeprefix("file://")
    source = Path(os.path.normpath(path))
    allowed(source, uri)
    if not source.exists():
        raise not_found(uri, REMEDY)
    if source.is_file():
        yield one(source.name, source)
        return
    for folder, names, found in os.walk(source, followlinks=True):
        for name in (*names, *found):
            inside(Path(folder, name), source, uri)
        for name in sorted(found):
            place = Path(folder, name)
            yield one(str(place.relative_to(source)), place)


def allowed(path: Path, uri: str) -> None:
    """Raises Failure for a path that leads into the container's own files, by itself or through links."""
    for place in (str(path), os.path.realpath(path)):
        if (
            not place.startswith("/")
            or ".." in uri.split("/")
            or any(f"{place}/".startswith(f"{top}/") for top in FORBIDDEN)
        ):
            raise Failure(uri, "access denied: no models lie in the system's folders", "Put it on a mounted volume.")


def inside(path: Path, source: Path, uri: str) -> None:
    """Raises Failure for a link that leads out of what was asked for (out of the claim, for a claim)."""
    root = Path(CLAIM) if source.is_relative_to(CLAIM) else source
    real, folder = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    if not real.is_relative_to(folder) or (path.is_symlink() and path.is_relative_to(real)):
        raise Failure(uri, f"invalid link {str(path)!a}: it leads out of the model", "Replace it by its content.")


def one(path: str, place: Path) -> RemoteFile:
    """A file of this machine; a pipe or device could hold the call for ever."""
    if not place.is_file():
        raise Failure(ascii(str(place)), "invalid: no regular file", "Remove it from the volume.")
    return RemoteFile(path, place.stat().st_size, partial(read, place))


def read(place: Path, start: int, stop: int | None) -> Iterator[bytes]:
    """The content from `start` up to `stop`."""
    with place.open("rb", buffering=0) as content:
        content.seek(start)
        left = place.stat().st_size - start if stop is None else stop - start
        while left > 0 and (chunk := content.read(min(left, transfer.CHUNK))):
            left -= len(chunk)
            yield chunk
