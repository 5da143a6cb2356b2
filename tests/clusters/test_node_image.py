"""The assembled node image: how its parts are made, and what is said when they cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clusters.images import node
from clusters.toolchain import go
from clusters.toolchain.cache import StepFailed, ToolFailed
from clusters.toolchain.debian import root_file_system


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))


def test_replacements_of_a_module_hold_where_it_is_built() -> None:
    """A folder of its repository stands for that module's release; one that it does not need is left out."""
    its_own = {
        "Go": "1.24.0",
        "Require": [{"Path": "k8s.io/api"}, {"Path": "example.org/old"}],
        "Replace": [
            {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
            {"Old": {"Path": "example.org/old"}, "New": {"Path": "example.org/new", "Version": "v1.2.3"}},
            {"Old": {"Path": "example.org/never"}, "New": {"Path": "./FORBIDDEN_DEPENDENCY"}},
        ],
    }
    assert go._requiring("k8s.io/kubernetes", "v1.34.4", its_own, "v0.34.4").splitlines() == [
        "module programs",
        "go 1.24.0",
        "require k8s.io/kubernetes v1.34.4",
        "replace k8s.io/api => k8s.io/api v0.34.4",
        "replace example.org/old => example.org/new v1.2.3",
    ]


def test_a_program_of_the_suite_is_built_from_its_source(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    program = go.go_source(tmp_path, "hello")
    assert subprocess.run([program], capture_output=True, check=True).stderr == b"hello\n"
    assert go.go_source(tmp_path, "hello") == program


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mmdebstrap") is None, reason="needs root and mmdebstrap, as a node image does"
)
def test_a_new_root_file_system_can_be_entered(tmp_path: Path) -> None:
    """The steps that a warm cache skips: once, a new one had no /dev to mount devices on, and old ones hid that."""
    root, shown = tmp_path / "root", tmp_path / "shown"
    root.mkdir()
    shown.mkdir()
    (shown / "file").write_text("shown\n")
    node.unpack(root_file_system(()), root)
    assert node.run_inside(root, shown, "echo $$ >/dev/null; test -d /proc/1; cat /mnt/file; ls /tmp /run") == (
        "shown\n/run:\n\n/tmp:\n"
    )
    assert not any((root / "dev").iterdir())


def test_a_missing_mmdebstrap_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolFailed, match=r"Debian bookworm with 1 packages: mmdebstrap is not on PATH \(install"):
        root_file_system(["bash"])


def test_a_user_other_than_root_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mmdebstrap").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolFailed, match="only root can make a Debian root file system"):
        root_file_system(["bash"])


def test_a_file_of_kinds_that_has_changed_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("version = 3\n")
    with pytest.raises(StepFailed, match=r"config\.toml of kind v0\.\d+\.0 has no sandbox_image"):
        node._edit(tmp_path / "config.toml", "sandbox_image", "any")
