"""The installed suite: the digests of its files, and the manifest of its rules, cases and servers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from reports import revision
from reports.model import Fidelity, Suite
from reports.scoped import Scoped

#: The name of the suite, as a package and in its reports.
NAME = "storage-initializer-conformance"
#: The folder of conformance/, scenarios/, clusters/ and reports/.
ROOT = Path(__file__).parents[1]
_SPEC = ROOT / "conformance" / "spec"
_KNOWN_FAILURES = ROOT / "conformance" / "known_failures"
_MANIFEST = ROOT / "conformance" / "manifest.json"
_PACKAGES = ("conformance", "scenarios", "clusters")
_SUFFIXES = {".py", ".yaml", ".json", ".j2"}
#: `Store.kserve` of a store that only custom storage containers support.
_NO_RELEASE = "<0"


@dataclass(frozen=True)
class Case:
    """A case of a rule. `test` is `FOLDER/test_file.py::test_name`; `store` is "" for a rule that needs none."""

    test: str
    store: str
    case: str

    @property
    def name(self) -> str:
        """The name of the test function."""
        return self.test.rpartition("::")[2]

    @property
    def node(self) -> str:
        """The test and its row, below conformance/, as pytest names them."""
        row = "-".join(filter(None, (self.store, self.case)))
        return f"{self.test}[{row}]" if row else self.test


@dataclass(frozen=True)
class InstalledRule(Scoped):
    """A rule of the installed spec, with its cases.

    kserve    the range of releases that it is in force for.
    features  optional feature -> patterns of the cases that need it.
    """

    level: str
    core: bool
    title: str
    statement: str
    profile: str
    routes: tuple[str, ...]
    stores: tuple[str, ...]
    kserve: SpecifierSet
    cases: tuple[Case, ...]
    features: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class InstalledStore:
    """A store. `servers` maps a mode of `--servers` to the name of its server, and the server's fidelity."""

    kserve: str
    in_pods: bool
    servers: Mapping[str, tuple[str, Fidelity]]

    def supported(self, initializer: str, release: str) -> bool:
        """Return whether a run with the initializer of that name can use the store (see `asked.supported`)."""
        custom = self.kserve == _NO_RELEASE and initializer != "kserve"
        return custom or SpecifierSet(self.kserve).contains(release, prereleases=True)


class Installed:
    """The suite in this checkout or package."""

    @cached_property
    def suite(self) -> Suite:
        """The name, the version, the digest and the commit of the suite."""
        return suite()

    @cached_property
    def spec(self) -> str:
        """The digest of the spec."""
        return f"sha256:{spec_digest(_SPEC)}"

    @cached_property
    def rules(self) -> dict[str, InstalledRule]:
        return {name: _rule(raw) for name, raw in self._manifest["rules"].items()}

    @cached_property
    def features(self) -> dict[str, str]:
        """Optional feature -> one sentence about it."""
        found: dict[str, str] = self._manifest["features"]
        return found

    @cached_property
    def stores(self) -> dict[str, InstalledStore]:
        return {
            name: InstalledStore(raw["kserve"], raw["in_pods"], {m: (n, f) for m, (n, f) in raw["servers"].items()})
            for name, raw in self._manifest["stores"].items()
        }

    @cached_property
    def known_failures(self) -> dict[str, str]:
        """The suite's own lists: the name of the file -> the digest of its content."""
        return {path.name: file_digest(path) for path in _KNOWN_FAILURES.glob("*.yaml")}

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(_MANIFEST.read_text(encoding="utf-8"))
        return data


@cache
def suite() -> Suite:
    """Return what a report names as its suite: as it was at the first call, whatever is checked out during a run."""
    return Suite(NAME, importlib.metadata.version(NAME), build(), revision.commit(ROOT, _PACKAGES))


def build() -> str:
    """Return `sha256:` and hexadecimal digits over the paths and contents of the suite's files."""
    found = hashlib.sha256()
    for path in sorted(_files()):
        found.update(f"{path.relative_to(ROOT).as_posix()}\0{file_digest(path)}\n".encode())
    return f"sha256:{found.hexdigest()}"


def spec_digest(folder: Path) -> str:
    """Return the hexadecimal SHA-256 of the spec's files: spec.yaml, then the areas in the order of their names."""
    head = folder / "spec.yaml"
    found = hashlib.sha256()
    for path in [head, *areas(folder)]:
        found.update(path.read_bytes())
    return found.hexdigest()


def areas(folder: Path) -> list[Path]:
    """Return the files of the areas in a folder of a spec."""
    return sorted(path for path in folder.glob("*.yaml") if path.name != "spec.yaml")


def file_digest(path: Path) -> str:
    """Return `sha256:` and the hexadecimal digest of a file's content."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _files() -> Iterator[Path]:
    for package in _PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in _SUFFIXES:
                yield path


def _rule(raw: Mapping[str, Any]) -> InstalledRule:
    return InstalledRule(
        **{name: raw[name] for name in ("level", "core", "title", "statement", "profile")},
        routes=tuple(raw["routes"]),
        stores=tuple(raw["stores"]),
        kserve=SpecifierSet(raw["kserve"]),
        cases=tuple(_cases(raw["tests"].items())),
        features=raw["features"],
    )


def _cases(tests: Iterable[tuple[str, Mapping[str, list[str]]]]) -> Iterator[Case]:
    for test, stores in tests:
        for store, cases in stores.items():
            yield from (Case(test, store, case) for case in cases)
