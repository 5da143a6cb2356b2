"""The digest of all that a program is shown of this machine, beside the machine's own folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

#: Top-level folders that belong to the machine: of them, only the files that are named count.
_MACHINE = frozenset({"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "var"})


def digest(files: Sequence[Path], folders: Iterable[Path]) -> str:
    """`sha256:` and hex over the content of `files`, and of the files below `folders` by their names.

    Virtual environments are known by the checksums that their packages bring (RECORD). Compiled Python does not count.
    """
    found = hashlib.sha256()
    for path in files:
        _add(found, path.name, path)
    for folder in sorted(set(folders)):
        for path in sorted(_below(folder)):
            _add(found, str(path.relative_to(folder.parent)), path)
    return f"sha256:{found.hexdigest()}"


def _below(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    elif folder.parts[1:2] and folder.parts[1] in _MACHINE:
        return
    elif (folder / "pyvenv.cfg").is_file():
        yield folder / "pyvenv.cfg"
        yield from folder.glob("lib/python3*/site-packages/*.dist-info/RECORD")
    else:
        yield from (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _add(found: hashlib._Hash, name: str, path: Path) -> None:
    """A name, and the digest of its file; a file that cannot be read is one of no content."""
    try:
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        content = b""
    found.update(f"{len(name)} {name}".encode() + content)
