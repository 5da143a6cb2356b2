"""The digest of all host files that a program sees, except for the host's system folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

#: System folders. Of these, only explicitly named files count.
_MACHINE = frozenset({"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "var"})


def digest(files: Sequence[Path], folders: Iterable[Path]) -> str:
    """`sha256:` and hex, over the content of `files` and of the files below `folders` with their names.

    Virtual environments count by the checksums in their packages' RECORD. Compiled Python files do not count.
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
    """Add a name and its file's digest. An unreadable file counts as empty."""
    try:
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        content = b""
    found.update(f"{len(name)} {name}".encode() + content)
