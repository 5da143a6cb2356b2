"""Images for a cluster, as archives: their layers, users and programs, read without an engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from clusters.base import Image
from clusters.images import python_base, python_program, servers
from clusters.images.archive import layer
from clusters.images.own import USER, own_image
from clusters.toolchain import cache
from clusters.toolchain.cache import StepFailed, ToolFailed
from scenarios.initializers import releases
from scenarios.initializers.release_image import initializer_image
from scenarios.initializers.releases import Installed


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with one compiled module and one program."""
    packages = tmp_path / "environment" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "module.py").write_text("ANSWER = 42\n")
    subprocess.run([sys.executable, "-m", "compileall", "-q", packages], check=True)
    return tmp_path / "environment"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """What a root file system's tar has of users."""
    etc = tmp_path / "base" / "etc"
    etc.mkdir(parents=True)
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (etc / "group").write_text("root:x:0:\n")
    with tarfile.open(tmp_path / "base.tar", "w") as tar:
        tar.add(tmp_path / "base", ".")
    return tmp_path / "base.tar"


def configuration(image: Image) -> dict[str, Any]:
    """The `config` of an archive's one image, which has to have the image's reference."""
    assert image.archive
    with tarfile.open(image.archive) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert manifest["RepoTags"] == [image.reference]
        described: dict[str, Any] = json.load(tar.extractfile(manifest["Config"]))  # type: ignore[arg-type]
    return dict(described["config"])


def unpack(image: Image, folder: Path) -> dict[str, tarfile.TarInfo]:
    """Its layers, one over the other, in `folder`; the entries by path."""
    assert image.archive
    entries: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(image.archive) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=tar.extractfile(name)) as one:
                entries |= {entry.name.removeprefix("./"): entry for entry in one}
                one.extractall(folder, filter="tar")
    return entries


def test_the_inspector_needs_nothing_beside_it(tmp_path: Path) -> None:
    """One static program of a numeric user, under a reference that changes with its source."""
    image = own_image("inspector")
    assert list(unpack(image, tmp_path)) == ["inspector"]
    assert configuration(image) == {"Entrypoint": ["/inspector"], "User": f"{USER}:{USER}"}
    assert image.reference.partition(":")[0] == "kserve-conformance/inspector"
    assert own_image("inspector") == image


def test_a_published_initializer_is_a_reference() -> None:
    assert initializer_image("0.20.0", "published") == Image("kserve/storage-initializer:v0.20.0")


def test_an_assembled_initializer_is_as_upstream_has_it(
    environment: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User 1000 with a home, /mnt of its own, the release's entrypoint, and modules that need no compiling."""
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    entrypoint = tmp_path / "initializer-entrypoint"
    entrypoint.write_text("#!/usr/bin/env python3\n")
    monkeypatch.setattr(releases.Release, "install", lambda _: Installed(environment, entrypoint))
    monkeypatch.setattr(python_program, "python_base", lambda _: base)
    image = initializer_image("0.20.0", "assembled")
    root = tmp_path / "root"
    entries = unpack(image, root)
    said = configuration(image)
    assert image.reference == "kserve/storage-initializer:v0.20.0"
    assert (said["User"], said["WorkingDir"]) == ("1000", "/work")
    (program,) = said["Entrypoint"]
    assert entries[program.lstrip("/")].mode == 0o755
    assert {path: entries[path].uid for path in ("mnt", "home/kserve", "etc/passwd")} == {
        "mnt": 1000,
        "home/kserve": 1000,
        "etc/passwd": 0,
    }
    assert (root / "etc/passwd").read_text().splitlines()[-1] == "kserve:x:1000:1000::/home/kserve:/bin/sh"
    assert (root / "prod_venv/bin/python").readlink() == Path("/usr/bin/python3")
    assert not is_compiled_anew(root / "prod_venv/lib/python3.11/site-packages/module.py")


def is_compiled_anew(module: Path) -> bool:
    """Whether an import of `module` finds no compiled code that holds."""
    loud = subprocess.run(
        [sys.executable, "-v", "-c", f"import sys; sys.path.insert(0, {str(module.parent)!r}); import module"],
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return f"code object from {str(module)!r}" in loud.stderr or "matches" not in loud.stderr


def test_a_layer_without_times_is_always_the_same(environment: Path, tmp_path: Path) -> None:
    """Equal content, equal bytes; with times it follows the sources."""
    first = layer(tmp_path / "1.tar", {"/lib": environment / "lib"}).read_bytes()
    os.utime(environment / "lib" / "python3.11" / "site-packages" / "module.py", (1, 1))
    assert layer(tmp_path / "2.tar", {"/lib": environment / "lib"}).read_bytes() == first
    assert layer(tmp_path / "3.tar", {"/lib": environment / "lib"}, dated=True).read_bytes() != first


def test_an_environment_of_another_python_is_refused(tmp_path: Path) -> None:
    """Its compiled modules would not load; the remedy is named."""
    (tmp_path / "lib" / "python3.13").mkdir(parents=True)
    with pytest.raises(StepFailed, match=r"is of Python 3\.13, images need 3\.11: uv python install 3\.11"):
        python_base.environment_content(tmp_path, "/venv", tmp_path / "staged")


def test_without_mmdebstrap_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolFailed, match="mmdebstrap is not on PATH"):
        servers.servers_image("assembled")
    assert servers.servers_image("published").archive is None


def test_the_servers_folder_is_made_of_links(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files as in the cache, where `once` finds them as complete; a second call finds the folder."""
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(servers, "virtual_environment", lambda *_: environment)
    program = cache.once("go/program-v1", lambda folder: (folder / "program").touch(), "a program")
    folder = servers.servers_folder(tmp_path, ["package==1"], [program])
    linked = folder / "cache/go" / program.name
    assert (linked / "program").samefile(program / "program")
    assert (linked / cache.COMPLETE).exists()
    assert sorted(path.name for path in folder.iterdir()) == ["bin", "cache", "lib", "pyvenv.cfg"]
    assert (folder / "bin" / "node").readlink().is_relative_to("../lib/python3.11/site-packages")
    before = folder.stat().st_ino
    assert servers.servers_folder(tmp_path, ["package==1"], [program]).stat().st_ino == before
    assert servers.servers_folder(tmp_path, ["package==1"], []) != folder


def test_links_between_file_systems_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_text("content")
    monkeypatch.setattr(os, "link", refuse)
    servers._link(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to" / "file").read_text() == "content"
