"""The file system that a call gets: a folder of its own as `/`, and what is shown to it read-only."""

from __future__ import annotations

import os
import posixpath
import re
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.initializers.base import DEST, Call
from scenarios.initializers.tree import listing

HOME = "/home/kserve"  # as in KServe's image, like the user's number
UID = "1000"
#: Top-level folders of this machine that an initializer does not see, but for single things in them that it needs.
HIDDEN = frozenset({"tmp", "mnt", "run", "home", "root", "proc", "dev", "lost+found"})

#: A pod can write it on a read-only root file system too.
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the initializer's own
#: Folders beside /tmp where programs put what they need for a while.
SCRATCH = (SHARED_MEMORY, "/var/tmp")  # noqa: S108


@dataclass(frozen=True)
class Rootfs:
    """A furnished folder.

    root    becomes `/`, writable.
    beside  has the folders of SCRATCH, by their paths: they are mounted over what lies at `/`, and writable.
    binds   path inside -> file or folder of this machine, read-only.
    known   paths that exist inside before the call, or come into being with the binds.
    """

    root: Path
    beside: Path
    binds: Mapping[str, Path]
    known: frozenset[str]


def prepare_rootfs(call: Call, needs: Sequence[Path], *, isolated: bool) -> Rootfs:
    """Make the folder of a call. `needs` are files and folders of this machine that the program cannot do without."""
    root, beside = call.workdir.resolve() / "root", call.workdir.resolve() / "beside"
    for folder in SCRATCH:
        _inside(beside, folder).mkdir(parents=True, exist_ok=True)
        _inside(beside, folder).chmod(0o1777)
    for folder in ("/tmp", "/run", "/proc", "/dev", HOME, DEST):  # noqa: S108 - the initializer's own
        _inside(root, folder).mkdir(parents=True, exist_ok=True)
    for destination, tree in call.present.items():
        for path, content in tree.items():
            place = _inside(root, destination) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    binds = _machine(root) if isolated else {}
    if isolated:
        for folder in SCRATCH:
            _make_way(folder, root, binds)
        binds["/etc/passwd"] = _users(call.workdir.resolve() / "passwd")
        binds |= {str(path): path for path in needs if _is_hidden(path)}
        for target, source in call.mounts.items():
            _make_way(posixpath.normpath(target), root, binds)
            binds[posixpath.normpath(target)] = source
    known = {*listing(root), *listing(beside)}
    for path in (*binds, *map(posixpath.normpath, call.mounts)):
        known |= {path, *map(str, Path(path).parents)}
    return Rootfs(root, beside, dict(sorted(binds.items())), frozenset(known))


def surroundings(room: Rootfs) -> dict[str, int]:
    """Those of the room's folders that were there at first -> when an entry of them was made or removed, in ns.

    SCRATCH is for what is made and removed.
    """
    places = {path: Path(f"{room.root}{path}") for path in room.known if path not in SCRATCH}
    return {path: at.stat().st_mtime_ns for path, at in places.items() if at.is_dir() and not at.is_symlink()}


def destinations(call: Call) -> list[str]:
    """Where this call may write and what is observed, as absolute paths inside."""
    named = [destination for _, destination in call.pairs] + list(call.present)
    return list(dict.fromkeys(posixpath.normpath(posixpath.join("/", path)) for path in named if path))


def requisites(executable: Path) -> list[Path]:
    """What an executable needs beside itself: its virtual environment and interpreter, or the folder it lies in."""
    found: list[Path] = []
    for path in dict.fromkeys((executable.absolute(), executable.resolve())):
        prefix = path.parent.parent
        if (settings := prefix / "pyvenv.cfg").is_file():
            home = re.search(r"^home *= *(.+)$", settings.read_text(encoding="utf-8"), re.M)
            found += [prefix, *([Path(home[1].strip()).parent] if home else [])]
        elif path.parent.name == "bin" and prefix != Path("/") and any(prefix.glob("lib/python3*")):
            found.append(prefix)
        else:
            found.append(around(path))
        interpreter = interpreter_of(path)
        if interpreter and interpreter != path and interpreter.exists() and prefix not in found:
            found += requisites(interpreter)
    return list(dict.fromkeys([*found, *(path.resolve() for path in found)]))


def interpreter_of(executable: Path) -> Path | None:
    """The program that the `#!` line of a script names; None without such a line."""
    with executable.open("rb") as stream:
        script = re.match(rb"#! *(/\S+)", stream.readline(500))
    return Path(os.fsdecode(script[1])) if script else None


def around(path: Path) -> Path:
    """The folder of a file, for what lies beside it; the file alone where that would show a home or all of /tmp."""
    if path.is_dir():
        return path
    broad = {Path.home(), *Path.home().parents, Path(tempfile.gettempdir()), Path("/home"), Path("/mnt"), Path("/run")}
    return path if path.parent in broad else path.parent


def _is_hidden(path: Path) -> bool:
    return path.parts[1:2] != () and path.parts[1] in HIDDEN


def _users(place: Path) -> Path:
    """This machine's users and, as in KServe's image, one with the number that calls run as: Git asks for its name."""
    known = Path("/etc/passwd").read_text(encoding="utf-8") if Path("/etc/passwd").exists() else ""
    numbers = [line.split(":")[2] for line in known.splitlines() if line.count(":") > 2]
    place.write_text(known if UID in numbers else f"{known}kserve:x:{UID}:{UID}::{HOME}:/bin/sh\n", encoding="utf-8")
    return place


def _machine(root: Path) -> dict[str, Path]:
    """This machine's top-level folders, and the file behind /etc/resolv.conf, which systemd keeps in /run."""
    shown = {
        path: source
        for path, source in _children("/", Path("/"), root).items()
        if source.name not in HIDDEN and source.is_dir()
    }
    resolver = Path("/etc/resolv.conf").resolve()
    return shown | ({str(resolver): resolver} if _is_hidden(resolver) and resolver.is_file() else {})


def _children(folder: str, source: Path, root: Path) -> dict[str, Path]:
    """The files and folders of `source` by their path in `folder`; its links are made as links below `root`."""
    children = {}
    for child in source.iterdir():
        path = posixpath.join(folder, child.name)
        mode = child.lstat().st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            children[path] = child
        elif stat.S_ISLNK(mode) and not os.path.lexists(link := _inside(root, path)):
            link.symlink_to(child.readlink())
    return children


def _make_way(target: str, root: Path, binds: dict[str, Path]) -> None:
    """Let `target` be a mount point: a read-only folder above without it becomes a plain one, shown child by child."""
    for ancestor in map(str, reversed(Path(target).parents)):
        source = binds.get(ancestor)
        if source is None or os.path.lexists(f"{source}{target[len(ancestor) :]}"):
            continue
        del binds[ancestor]
        _inside(root, ancestor).mkdir(parents=True, exist_ok=True)
        binds |= _children(ancestor, source, root)


def _inside(root: Path, path: str) -> Path:
    return Path(f"{root}{posixpath.normpath(posixpath.join('/', path))}")
