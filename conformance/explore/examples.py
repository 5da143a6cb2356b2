"""Examples of an exploration, as plain data: the content of the store, the call, and its acceptable outcomes."""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
import unicodedata
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from conformance.explore.scope import Feature
from scenarios.content.models import NAMES, archive, noise
from scenarios.initializers.base import DEST
from scenarios.network.faults import Fault
from scenarios.stores.base import Store, Tree

#: Suffixes by which an initializer recognizes an archive.
ARCHIVES = (".tar", ".tgz", ".tar.gz", ".zip")
#: Case of PLACE-013 -> whether a name has the trait that it is about.
_MARKS = {"space": " ", "percent": "%", "plus": "+", "hash": "#", "question": "?"}


@dataclass(frozen=True)
class Play:
    """One call of an example, and its acceptable outcomes.

    accepted   for each source, the trees that may arrive with exit code 0. Empty if none may.
    refusable  whether the call may end with another exit code.
    faults     what the gateway does to the call's requests.
    """

    uris: Sequence[str]
    accepted: Sequence[Sequence[Tree]]
    refusable: bool = False
    dest: str = DEST
    faults: Sequence[Fault] = ()
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Files:
    """Paths and sizes of files. Contents follow from them, so that no two files have the same."""

    sizes: tuple[tuple[str, int], ...]

    @property
    def tree(self) -> dict[str, bytes]:
        return {path: content(path, size) for path, size in self.sizes}

    def features(self) -> Iterator[Feature]:
        """Yield the special features of the files, wherever they are."""
        paths = [path for path, _ in self.sizes]
        yield from names_in("/".join(paths))
        if any(path.endswith(ARCHIVES) for path in paths):
            yield Feature("ARCH-003")
        if any(size == 0 for _, size in self.sizes):
            yield Feature("PLACE-009")

    def __str__(self) -> str:
        return ", ".join(f"{path!r} ({size} bytes)" for path, size in self.sizes)


def content(path: str, size: int) -> bytes:
    """Return the content of a file. A file with the name of an archive is one, whatever its size."""
    if path.endswith(ARCHIVES):
        suffix = next(one for one in ARCHIVES[::-1] if path.endswith(one))
        return archive(suffix.removeprefix("."), {"inside.bin": noise(size, seed=zlib.crc32(path.encode()))})
    return noise(size, seed=zlib.crc32(path.encode()))


def names_in(path: str) -> list[Feature]:
    """Return a feature for each trait of PLACE-013 in the path's names."""
    found = [case for case, mark in _MARKS.items() if mark in path]
    found += ["unicode"] * (not path.isascii())
    found += ["leading-dot"] * any(name.startswith(".") for name in path.split("/"))
    return [Feature("PLACE-013", case) for case in NAMES if case in found]


class Example(ABC):
    """One example. `repr` identifies it, `str` describes it for a report."""

    @abstractmethod
    def play(self, store: Store) -> Play:
        """Put the example into an empty part of a store. Raises NotOffered if the store cannot hold it."""

    def features(self) -> Sequence[Feature]:
        """Return the special features of the example, the most specific first."""
        return ()


@dataclass(frozen=True)
class Folder(Example):
    """A folder, its directory markers, and what is beside it.

    at       the folder's path; "" for the root.
    slashes  how many slashes follow the path in the URI.
    """

    files: Files
    at: str = "model"
    markers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    slashes: int = 0

    def play(self, store: Store) -> Play:
        tree = self.files.tree
        base = f"{self.at}/" if self.at else ""
        markers = {f"{base}{path}/" if path else base: b"" for path in self.markers}
        store.put({**markers, **{base + path: data for path, data in tree.items()}, **dict.fromkeys(self.beside, b"#")})
        return Play([store.uri(self.at) + "/" * self.slashes], [[tree]])

    def features(self) -> Sequence[Feature]:
        paths = [path for path, _ in self.files.sizes]
        above = [[*self.at.split("/"), *path.split("/")] for path in paths]
        return [
            *([Feature("PLACE-010")] if self.markers else []),
            *([Feature("PLACE-002")] if self.beside else []),
            *self.files.features(),
            *([Feature("PLACE-008")] if any(names[-1] in names[:-1] for names in above) else []),
            *([Feature("PLACE-007")] if any(len(set(names)) < len(names) for names in above) else []),
            *([Feature("PLACE-003")] if self.slashes else []),
            Feature("PLACE-001" if self.at else "PLACE-006"),
        ]

    def __str__(self) -> str:
        parts = [f"the folder {self.at!r}" if self.at else "the root", f"with {self.files}"]
        parts += [f"directory markers {', '.join(map(repr, self.markers))}"] if self.markers else []
        parts += [f"beside {', '.join(map(repr, self.beside))}"] if self.beside else []
        parts += [f"the URI ends with {self.slashes * '/'!r}"] if self.slashes else []
        return "; ".join(parts)


@dataclass(frozen=True)
class File(Example):
    """A single file among others. A URI with other than plain characters may be refused.

    encoded  whether the store's URIs encode characters.
    """

    files: Files
    at: str = "model"
    encoded: bool = False

    def play(self, store: Store) -> Play:
        tree = self.files.tree
        store.put({f"{self.at}/{path}": data for path, data in tree.items()})
        path, data = next(iter(tree.items()))
        return Play([store.uri(f"{self.at}/{path}")], [[{posixpath.basename(path): data}]], bool(names_in(path)))

    def features(self) -> Sequence[Feature]:
        first, others = self.files.sizes[:1], self.files.sizes[1:]
        name = first[0][0]
        longer = any(path.startswith(name) for path, _ in others)
        return [
            *([Feature("PLACE-005")] if longer else []),
            *Files(first).features(),
            *([Feature("PLACE-024")] if self.encoded and quote(name) != name else []),
            Feature("PLACE-004"),
        ]

    def __str__(self) -> str:
        first, others = Files(self.files.sizes[:1]), Files(self.files.sizes[1:])
        return f"the file {first} in {self.at!r}" + (f"; beside {others}" if others.sizes else "")


@dataclass(frozen=True)
class Packed(Example):
    """An archive: its members in order.

    dotted   whether members have names such as `./a`.
    folders  whether the archive has a member for each folder, before the files in it.
    link     whether it has a symbolic link to its first file.
    """

    files: Files
    suffix: str = "tar"
    dotted: bool = False
    folders: bool = False
    link: bool = False

    def play(self, store: Store) -> Play:
        tree = self.files.tree
        name = f"m.{self.suffix}"
        store.put({f"model/{name}": self.packed()})
        first = next(iter(tree))
        accepted = [tree, {**tree, _LINK: tree[first]}] if self.link else [tree]
        return Play([store.uri(f"model/{name}")], [accepted], refusable=self.link)

    def packed(self) -> bytes:
        """Return the archive."""
        members = list(self._members())
        buffer = io.BytesIO()
        if self.suffix == "zip":
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
                for name, data in members:
                    zipped.writestr(name, data or b"")
            return buffer.getvalue()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, data in members:
                member = tarfile.TarInfo(name.rstrip("/"))
                member.type, member.mode = (tarfile.DIRTYPE, 0o755) if data is None else (tarfile.REGTYPE, 0o644)
                member.size = len(data or b"")
                tar.addfile(member, io.BytesIO(data or b""))
            if self.link:
                member = tarfile.TarInfo(_LINK)
                member.type, member.linkname = tarfile.SYMTYPE, self.files.sizes[0][0]
                tar.addfile(member)
        return buffer.getvalue() if self.suffix == "tar" else gzip.compress(buffer.getvalue(), mtime=0)

    def _members(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield names and contents. The content of a folder is None."""
        start = "./" if self.dotted else ""
        if self.folders:
            yield from ((f"{start}{folder}/", None) for folder in parents(path for path, _ in self.files.sizes))
        yield from ((start + path, data) for path, data in self.files.tree.items())

    def features(self) -> Sequence[Feature]:
        return [*self.files.features(), Feature("ARCH-001", self.suffix)]

    def __str__(self) -> str:
        traits = {"names start with ./": self.dotted, "with folders": self.folders, "with a link": self.link}
        return "; ".join([f"m.{self.suffix} of {self.files}", *(trait for trait, true in traits.items() if true)])


_LINK = "link-of-the-suite"


@dataclass(frozen=True)
class Pairs(Example):
    """Several sources for one call. Each is a path in TWO, or `absent`."""

    sources: tuple[str, ...]
    dest: str = DEST

    def play(self, store: Store) -> Play:
        store.put(TWO)
        uris = [store.absent() if source == ABSENT else store.uri(source) for source in self.sources]
        if ABSENT in self.sources:
            return Play(uris, [[] for _ in uris], refusable=True, dest=self.dest)
        return Play(uris, [[named(TWO, source)] for source in self.sources], dest=self.dest)

    def features(self) -> Sequence[Feature]:
        single = any(source in TWO for source in self.sources)
        whole = any(source not in TWO and source != ABSENT for source in self.sources)
        return [
            *([Feature("CONTRACT-003")] if ABSENT in self.sources else []),
            *([Feature("CONTRACT-006")] if self.dest.endswith("/") else []),
            *([Feature("CONTRACT-004")] if self.dest != DEST else []),
            *([Feature("PLACE-004")] if single else []),
            *([Feature("CONTRACT-002")] if len(self.sources) > 1 else []),
            *([Feature("PLACE-001")] if whole else []),
        ]

    def __str__(self) -> str:
        return f"{', '.join(map(repr, self.sources))} into {self.dest}; the store has {', '.join(map(repr, TWO))}"


ABSENT = "absent"
#: Two models, for calls whose sources matter more than their content.
TWO = {"m/a.bin": b"a", "m/b/c.bin": b"c", "other/a.bin": b"other a", "other/d.bin": b"d"}


@dataclass(frozen=True)
class Disturbed(Example):
    """A model of files that are large enough for a fault, and what happens to the requests for it."""

    faults: tuple[Fault, ...]

    def play(self, store: Store) -> Play:
        store.put_sample(SHARDS)
        tree = SHARDS if store.folders else {"part-0.bin": SHARDS["part-0.bin"]}
        uri = store.sample_uri("part-0.bin")
        return Play([uri], [[tree]], refusable=True, faults=self.faults, timeout_s=150.0)

    def features(self) -> Sequence[Feature]:
        kinds = {fault.kind for fault in self.faults}
        return [
            *([Feature("FAULT-007")] if "stall" in kinds else []),
            *(Feature("FAULT-008", kind) for kind in ("reset", "cut") if kind in kinds),
            *([Feature("FAULT-009")] if "answer" in kinds else []),
            *([Feature("FAULT-005")] if "slow" in kinds else []),
        ]

    def __str__(self) -> str:
        return "; ".join(map(_told, self.faults))


SHARDS = {"config.json": b"{}\n", **{f"part-{n}.bin": noise(700_000, seed=n) for n in range(2)}}


def _told(fault: Fault) -> str:
    times = f"{fault.times} times" if fault.times else "always"
    what = f"answer {fault.status}" if fault.kind == "answer" else fault.kind
    where = f"after {fault.after} bytes" if fault.after else "for files" if fault.least else "for any request"
    return f"{what} {times}, {where}" + (f", after {fault.skip} others" if fault.skip else "")


def named(tree: Mapping[str, bytes], path: str) -> dict[str, bytes]:
    """Return what arrives for a path: the files below it, or the one file under its own name."""
    if path in tree:
        return {posixpath.basename(path): tree[path]}
    start = f"{path}/" if path else ""
    return {name.removeprefix(start): data for name, data in tree.items() if name.startswith(start)}


def parents(paths: Iterable[str]) -> list[str]:
    """Return every folder above the paths, parents first."""
    found = {path[:at] for path in paths for at, char in enumerate(path) if char == "/"}
    return sorted(found)


def fits(paths: Iterable[str]) -> list[str]:
    """Return the paths that can be files together: none is a folder of another, or the same in another form."""
    kept: list[str] = []
    forms: set[str] = set()
    for path in paths:
        form = unicodedata.normalize("NFC", path)
        clash = any(one == form or one.startswith(f"{form}/") or form.startswith(f"{one}/") for one in forms)
        if not clash:
            kept.append(path)
            forms.add(form)
    return kept
