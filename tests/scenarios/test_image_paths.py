"""What a release of KServe prints does not depend on where this machine keeps it."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from scenarios.initializers.base import DEST, PVC, Call
from scenarios.initializers.image_paths import as_in_image
from scenarios.initializers.kserve import KServe
from scenarios.initializers.releases import Installed, Release

#: Loads a local model, and fails for an absent one below a frame of the standard library.
PACKAGE = """
import json, shutil

def download(source, target):
    path = source.removeprefix("file://")
    if "absent" in path:
        json.loads("{")
    shutil.copytree(path, target, dirs_exist_ok=True)
"""
SCRIPT = "import sys\nfrom {package} import download\ndownload(*sys.argv[1:])\n"


def installed(folder: Path, package: str) -> Installed:
    """A release in `folder`, as small as it can be."""
    environment = folder / "venv"
    venv.create(environment, symlinks=True)
    with (environment / "pyvenv.cfg").open("a") as settings:
        settings.write(f"version_info = {sys.version.split()[0]}\n")
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / package).mkdir()
    (packages / package / "__init__.py").write_text(PACKAGE)
    entrypoint = folder / "scripts" / "initializer-entrypoint"
    entrypoint.parent.mkdir()
    entrypoint.write_text(SCRIPT.format(package=package))
    return Installed(environment, entrypoint)


@pytest.mark.parametrize(
    ("version", "package", "code"),
    [("0.13.1", "kserve", "/kserve/kserve/__init__.py"), ("0.17.0", "kserve_storage", "kserve_storage/__init__.py")],
)
def test_a_traceback_is_the_same_from_every_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, package: str, code: str
) -> None:
    """With the paths of the image, in which the older releases have their own code outside of the environment."""
    said = []
    for name in ("a", "a-cache-with-a-long-name" * 5):
        release = installed(tmp_path / name, package)
        monkeypatch.setattr(Release, "install", lambda _, release=release: release)
        subject = KServe(version)
        subject.prepare()
        workdir = tmp_path / name / "call"
        workdir.mkdir()
        outcome = subject.call(Call([(f"file://{PVC}/absent", DEST)], workdir))
        assert outcome.exit_code == 1
        said.append(outcome.stderr)
    assert said[0] == said[1]
    assert str(tmp_path) not in said[0]
    library = f"/usr/local/lib/python3.{sys.version_info.minor}"
    for path in ("/storage-initializer/scripts/initializer-entrypoint", code, f"{library}/json/__init__.py"):
        assert f'{path}", line' in said[0]


def test_only_whole_paths_are_replaced() -> None:
    """A longer name with the same beginning, and a path that ends alike, are others."""
    places = {"/c/venv": "/prod_venv", "/c/venv/lib/python3.9/site-packages/kserve": "/kserve/kserve"}
    given = 'File "/c/venv/lib/python3.9/site-packages/kserve/a.py" /c/venv-2 /x/c/venv /c/venv: kserve'
    expected = 'File "/kserve/kserve/a.py" /c/venv-2 /x/c/venv /prod_venv: kserve'
    assert as_in_image(given, places) == expected
    assert as_in_image(given, {}) == given
