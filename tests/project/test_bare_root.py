"""The bare root file system: what it has, what it lacks, and how it ends."""

import os
import shutil
from pathlib import Path

import pytest

from tests import bare_root
from tests.bare_root import HOUSE, BareRoot, commands

needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mmdebstrap"), reason="needs root and mmdebstrap")


def test_the_commands_are_those_of_the_readme() -> None:
    first, second = commands((HOUSE / "README.md").read_text())
    assert first.startswith("python3 -m venv")
    assert first.endswith("tox -e conformance")
    assert second.endswith("tox -e tests")


def test_a_readme_without_them_is_refused() -> None:
    with pytest.raises(ValueError, match="has 1 commands"):
        commands("$ tox -e conformance   # the first\n$ tox -e lint   # another\n")


def test_nobody_but_root_may(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bare_root.main([]) == 2
    assert capsys.readouterr().err == "only root can enter a root file system: run this with sudo\n"


@needs_root
def test_a_user_name_that_debian_refuses(capfd: pytest.CaptureFixture[str]) -> None:
    assert bare_root.main(["--user", "not a name"]) == 2
    assert "invalid user name 'not a name'" in capfd.readouterr().err


@needs_root
@pytest.mark.parametrize("user", ["root", "tester"])
def test_only_what_a_bare_machine_has(user: str, tmp_path: Path) -> None:
    """Debian's Python, no program of this machine, user namespaces; the cache outlives it, and no mount does."""
    bare = BareRoot(tmp_path / "root", user, tmp_path / "cache")
    bare.folder.mkdir()
    bare.prepare_rootfs()
    mounts = Path("/proc/self/mountinfo").read_text()
    assert bare.run("test $(id -un) = " + user) == 0
    assert bare.run("python3 -m venv --help > /dev/null && git --version && test -f tox.ini") == 0
    assert bare.run("! command -v bwrap && ! command -v gcc && ! command -v mmdebstrap") == 0
    assert bare.run(f"test ! -e {HOUSE}/tox.ini") == 0
    assert bare.run("unshare --user --map-root-user --pid --fork --mount-proc true") == 0
    assert bare.run("touch ~/.cache/kept; exit 7") == 7
    assert (tmp_path / "cache" / "kept").exists()
    assert Path("/proc/self/mountinfo").read_text() == mounts


@needs_root
@pytest.mark.parametrize("user", ["root", "tester"])
def test_user_namespaces_can_be_refused(user: str, tmp_path: Path) -> None:
    bare = BareRoot(tmp_path, user, refuses_namespaces=True)
    bare.prepare_rootfs()
    assert bare.run("python3 --version") == 0
    assert bare.run("unshare --user true") == 1
    assert bare.run("unshare --mount true") == 1
