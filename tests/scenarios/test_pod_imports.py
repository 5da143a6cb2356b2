"""The servers' code as a pod runs it: with the packages that `servers_folder` brings, and no others."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import venv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scenarios.servers import in_cluster
from scenarios.servers.fleet import Fleet
from scenarios.servers.http_server import HttpServer
from scenarios.servers.serve import FLEET
from scenarios.servers.stores_pod import CODE
from scenarios.stores import STORES
from tests.processes import wait_until

#: Programs that servers and gateway start with the same interpreter; each module below is a server's class too.
PROGRAMS = ("scenarios.servers.serve", "scenarios.network.gateway.addon")


def brought() -> set[str]:
    """The distributions of `PACKAGES` with all that they require, as a package installer would find them."""
    found, open_ = set[str](), [Requirement(name) for name in in_cluster.PACKAGES]
    seen = set[tuple[str, frozenset[str]]]()
    while open_:
        one = open_.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key in seen:
            continue
        seen.add(key)
        found.add(key[0])
        wanted = map(Requirement, importlib.metadata.requires(one.name) or ())
        extras = one.extras or {""}
        open_ += [r for r in wanted if not r.marker or any(r.marker.evaluate({"extra": extra}) for extra in extras)]
    return found


def link(names: set[str], packages: Path) -> None:
    """Link what the distributions `names` installed into the folder `packages`, folders of theirs alone as a whole."""
    owners, places = defaultdict[PurePath, set[str]](set), dict[PurePath, Path]()
    for distribution in importlib.metadata.distributions():
        name = canonicalize_name(distribution.name)
        for file in distribution.files or ():
            if file.parts[0] != "..":
                for part in (file, *file.parents):
                    owners[part].add(name)
                if name in names:
                    places[file] = Path(str(distribution.locate_file("")))
    for path, root in places.items():
        own = next(one for one in (*reversed(path.parents), path) if owners[one] <= names)
        if not (packages / own).exists():
            (packages / own).parent.mkdir(parents=True, exist_ok=True)
            (packages / own).symlink_to(root / own)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the packages of the pod."""
    environment = tmp_path_factory.mktemp("pod") / "environment"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    link(brought(), packages)
    return environment / "bin" / "python"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite's code as the pod gets it."""
    folder = tmp_path_factory.mktemp("run")
    in_cluster._bring_code(folder)
    return folder / CODE


def pod(python: Path, code: Path, *arguments: str) -> subprocess.Popen[str]:
    """A started `python` with the variables of the pod."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(code)}
    pipe = subprocess.PIPE
    return subprocess.Popen([python, *arguments], env=environment, text=True, stdout=pipe, stderr=subprocess.STDOUT)


def imported(python: Path, code: Path, modules: Sequence[str]) -> str:
    """What importing `modules` prints: nothing where each is found."""
    with pod(python, code, "-c", f"import {', '.join(modules)}") as started:
        return started.communicate(timeout=60)[0]


def test_every_server_of_a_cluster_is_imported_in_the_pod(python: Path, code: Path) -> None:
    """With the gateway; nothing of theirs asks for a package that only the controller has."""
    servers = {server.__module__ for store in STORES.values() if (server := store.servers.get("native"))}
    assert len(servers) > 8
    assert imported(python, code, [*PROGRAMS, *sorted(servers)]) == ""


@pytest.mark.parametrize("module", ["packaging", "yaml", "lightkube", "scenarios.initializers", "conformance"])
def test_the_pod_has_nothing_of_the_controller(python: Path, code: Path, module: str) -> None:
    """So that the test above would notice such an import."""
    assert "ModuleNotFoundError" in imported(python, code, [module])


def test_a_fleet_starts_in_the_pod(python: Path, code: Path, tmp_path: Path) -> None:
    """The programs of a server and of the gateway, and what they import as they go, are found there too."""
    folder = tmp_path / "run"
    named = f"{HttpServer.__module__}:{HttpServer.__qualname__}"
    command = ("-m", "scenarios.servers.serve", "--host", "127.0.0.1", "--folder", str(folder), named)
    with pod(python, code, *command) as started:
        try:
            wait_until(lambda: (folder / FLEET).exists() or started.poll() is not None, "the fleet")
        finally:
            started.terminate()
            said = started.communicate(timeout=60)[0]
    assert (folder / FLEET).exists(), said
    fleet = Fleet.from_json((folder / FLEET).read_text())
    assert (list(fleet.endpoints), fleet.unavailable) == ([HttpServer.name], {})
