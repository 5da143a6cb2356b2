"""The root file system of a call: its own folder as `/`, and read-only mounts."""

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

HOME = "/home/kserve"  # as in KServe's image, like the user ID
UID = "1000"
#: Top-level host folders that are hidden from an initializer, except for single items that it needs.
HIDDEN = frozenset({"tmp", "mnt", "run", "home", "root", "proc", "dev", "lost+found"})

#: A mount that stays writable on a read-only root, as in a pod.
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the initializer's own
#: Scratch folders beside /tmp.
SCRATCH = (SHARED_MEMORY, "/var/tmp")  # noqa: S108


@dataclass(frozen=True)
class Rootfs:
    """A prepared root file system.

    root    the folder that becomes `/`, writable.
    beside  holds the folders of SCRATCH by their paths. They are mounted over those below `/`, and writable.
    binds   path inside -> host file or folder, read-only.
    known   paths that exist inside before the call, including those that the binds create.
    """

    root: Path
    beside: Path
    binds: Mapping[str, Path]
    known: frozenset[str]


def prepare_rootfs(call: Call, needs: Sequence[Path], *, isolated: bool) -> Rootfs:
    """Prepare a call's root file system. `needs` are host files and folders that the program requires."""
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


def surroundings(rootfs: Rootfs) -> dict[str, int]:
    """Initial folder of the root file system -> the time of the last creation or removal of an entry in it, in ns.

    Leaves out SCRATCH, where programs may create and remove files.
    """
    places = {path: Path(f"{rootfs.root}{path}") for path in rootfs.known if path not in SCRATCH}
    return {path: at.stat().st_mtime_ns for path, at in places.items() if at.is_dir() and not at.is_symlink()}


def destinations(call: Call) -> list[str]:
    """The folders that the call may write and the suite observes, as absolute paths inside."""
    named = [destination for _, destination in call.pairs] + list(call.present)
    return list(dict.fromkeys(posixpath.normpath(posixpath.join("/", path)) for path in named if path))


def requisites(executable: Path) -> list[Path]:
    """Return the folders that an executable requires: its virtual environment and interpreter, or its own folder."""
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
    """The interpreter on the `#!` line of a script; None without such a line."""
    with executable.open("rb") as stream:
        script = re.match(rb"#! *(/\S+)", stream.readline(500))
    return Path(os.fsdecode(script[1])) if script else None


def around(path: Path) -> Path:
    """The folder of a file, for the files next to it. The file alone if that folder is a home, /tmp or as broad."""
    if path.is_dir():
        return path
    broad = {Path.home(), *Path.home().parents, Path(tempfile.gettempdir()), Path("/home"), Path("/mnt"), Path("/run")}
    return path if path.parent in broad else path.parent


def _is_hidden(path: Path) -> bool:
    return path.parts[1:2] != () and path.parts[1] in HIDDEN


def _users(place: Path) -> Path:
    """The host's users, plus one with the user ID of calls, as in KServe's image: Git requires a name for it."""
    known = Path("/etc/passwd").read_text(encoding="utf-8") if Path("/etc/passwd").exists() else ""
    numbers = [line.split(":")[2] for line in known.splitlines() if line.count(":") > 2]
    place.write_text(known if UID in numbers else f"{known}kserve:x:{UID}:{UID}::{HOME}:/bin/sh\n", encoding="utf-8")
    return place


def _machine(root: Path) -> dict[str, Path]:
    """The host's top-level folders, and the file behind /etc/resolv.conf, which systemd keeps in /run."""
    shown = {
        path: source
        for path, source in _children("/", Path("/"), root).items()
        if source.name not in HIDDEN and source.is_dir()
    }
    resolver = Path("/etc/resolv.conf").resolve()
    return shown | ({str(resolver): resolver} if _is_hidden(resolver) and resolver.is_file() else {})


def _children(folder: str, source: Path, root: Path) -> dict[str, Path]:
    """Path below `folder` -> file or folder of `source`. Links of `source` become links below `root`."""
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
    """Make `target` available as a mount point.

    If a read-only folder above lacks it, a plain folder replaces that one and its children are mounted one by one.
    """
    for ancestor in map(str, reversed(Path(target).parents)):
        source = binds.get(ancestor)
        if source is None or os.path.lexists(f"{source}{target[len(ancestor) :]}"):
            continue
        del binds[ancestor]
        _inside(root, ancestor).mkdir(parents=True, exist_ok=True)
        binds |= _children(ancestor, source, root)


def _inside(root: Path, path: str) -> Path:
    return Path(f"{root}{posixpath.normpath(posixpath.join('/', path))}")
