"""`kserve:PATH`: a checkout of KServe as the program under test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reports import reader
from reports.compare import Change, compare
from scenarios.initializers import NoInitializer, initializer, newest
from scenarios.initializers.base import DEST, PVC, Call
from scenarios.initializers.image_python import PYTHON, python_of_dockerfile
from tests.suite_runs import run

HONEST = Path(__file__).parents[1] / "initializers" / "honest.py"
METADATA = """[project]
name = "kserve-storage"
version = "0.22.0rc1"
requires-python = ">=3.10"
dependencies = []
"""
SCRIPT = """#!/usr/bin/env python3
import sys

from kserve_storage import Initializer

sys.exit(Initializer().main(sys.argv[1:]))
"""
ENTRYPOINT = "python/storage-initializer/scripts/initializer-entrypoint"
#: A lock of uv of a project that needs one package; an older release than the newest.
LOCK = """version = 1
requires-python = ">=3.10"

[[package]]
name = "iniconfig"
version = "2.0.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "kserve-storage"
version = "0.22.0rc1"
source = { virtual = "." }
dependencies = [{ name = "iniconfig" }]

[package.metadata]
requires-dist = [{ name = "iniconfig" }]
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no HDFS client, which takes long to compile."""
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as small as it can be, of a storage initializer that keeps the rules for local paths."""
    root = tmp_path / "kserve"
    contents = {
        "python/storage/pyproject.toml": METADATA,
        "python/storage/kserve_storage/__init__.py": HONEST.read_text(),
        "python/storage-initializer.Dockerfile": f"ARG PYTHON_VERSION=3.{sys.version_info.minor}\nFROM scratch\n",
        ENTRYPOINT: SCRIPT,
    }
    for path, content in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(root: Path) -> str:
    """Commit all, and return the name of the commit."""
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "all")
    return git(root, "rev-parse", "HEAD")


def test_a_checkout_runs_and_stays_as_it_is(checkout: Path, tmp_path: Path) -> None:
    """Its package with its entrypoint, by the rules of the newest release, and the report names its commit."""
    head = commit(checkout)
    subject = initializer(f"kserve:{checkout}")
    subject.prepare()
    claim, workdir = tmp_path / "claim", tmp_path / "call"
    claim.mkdir()
    workdir.mkdir()
    (claim / "m").write_bytes(b"model")
    outcome = subject.call(Call([(f"file://{PVC}", DEST)], workdir, mounts={PVC: claim}))
    assert outcome.trees[DEST]["m"].content == b"model", outcome.stderr
    assert (subject.name, subject.version) == ("kserve", f"0.22.0rc1+g{head[:12]}")
    assert (subject.release, subject.route) == (newest(), "process")
    assert subject.notes[0] == f"A checkout of KServe: commit {head}."
    assert git(checkout, "status", "--porcelain", "--ignored") == ""


def test_each_content_is_a_program_of_its_own(checkout: Path) -> None:
    """Changed code runs at once, and a change back finds the first installation."""
    commit(checkout)
    code = checkout / "python/storage/kserve_storage/__init__.py"
    seen = []
    for more in ("", "# changed\n", ""):
        code.write_text(HONEST.read_text() + more)
        subject = initializer(f"kserve:{checkout}")
        subject.prepare()
        seen.append((subject.digest, subject._program[0], subject.version.endswith(".dirty")))  # type: ignore[attr-defined]
    assert seen[0] == seen[2]
    assert len({digest for digest, _, _ in seen}) == len({program for _, program, _ in seen}) == 2
    assert [dirty for _, _, dirty in seen] == [False, True, False]


def test_a_change_elsewhere_is_not_a_change_of_the_initializer(checkout: Path) -> None:
    commit(checkout)
    (checkout / "README.md").write_text("changed")
    assert not initializer(f"kserve:{checkout}").version.endswith(".dirty")
    (checkout / "python/storage/new.py").touch()
    subject = initializer(f"kserve:{checkout}")
    assert subject.version.endswith(".dirty")


def test_a_folder_without_git(checkout: Path) -> None:
    """A repository around it is not the checkout's own."""
    git(checkout.parent, "init", "--quiet")
    subject = initializer(f"kserve:{checkout}")
    subject.prepare()
    assert subject.version == "0.22.0rc1+checkout"
    assert subject.notes[0] == "A checkout of KServe: no commit (the folder has no .git)."
    (checkout / ".git").mkdir()
    subject = initializer(f"kserve:{checkout}")
    subject.prepare()
    assert "no commit (git: fatal: not a git repository" in subject.notes[0]


def test_dependencies_are_those_of_the_lock(checkout: Path) -> None:
    """As in the image; without a lock, the newest that are allowed."""
    metadata = checkout / "python/storage/pyproject.toml"
    metadata.write_text(METADATA.replace("[]", '["iniconfig"]'))
    (checkout / "python/storage/uv.lock").write_text(LOCK)
    found = []
    for _ in range(2):
        subject = initializer(f"kserve:{checkout}")
        subject.prepare()
        (installed,) = Path(subject._program[0]).parents[1].glob("lib/*/site-packages/iniconfig-*")  # type: ignore[attr-defined]
        found.append((installed.name == "iniconfig-2.0.0.dist-info", subject.notes[1]))
        (checkout / "python/storage/uv.lock").unlink(missing_ok=True)
    assert found == [
        (True, "Its dependencies are those of its uv.lock."),
        (False, "Its dependencies are the newest that its pyproject.toml allows."),
    ]


@pytest.mark.parametrize(
    ("absent", "complaint"),
    [
        (".", "is no folder; the current directory is /"),
        (ENTRYPOINT, f"is no checkout of KServe: it has no {ENTRYPOINT}; give the root"),
        (
            "python/storage/pyproject.toml",
            "has no storage package: python/storage or python/kserve with a",
        ),
    ],
)
def test_what_is_no_checkout(checkout: Path, absent: str, complaint: str) -> None:
    path = checkout / absent
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(NoInitializer, match=rf"^kserve:{checkout} ") as refusal:
        initializer(f"kserve:{checkout}")
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "content", "complaint"),
    [
        ("pyproject.toml", "[project\n", "pyproject.toml cannot be read: Expected"),
        ("pyproject.toml", "[project]\nname = 'x'\n", "names no name or no version of the package; add it"),
        (
            "pyproject.toml",
            METADATA + '[build-system]\nrequires = []\nbuild-backend = "absent"\n',
            "repair python/storage or python/storage-initializer/scripts/initializer-entrypoint, or check the package",
        ),
        ("pyproject.toml", METADATA + "[tool.setuptools]\npackages = []\n", "has no module kserve_storage; repair"),
        ("uv.lock", "version = none\n", "repair its uv.lock with `uv lock`"),
        (
            "kserve_storage/__init__.py",
            "import absent\n",
            "cannot load a local model: exit, exit code 1, Module",
        ),
    ],
)
def test_a_checkout_that_does_not_build(checkout: Path, path: str, content: str, complaint: str) -> None:
    """One line with the remedy."""
    (checkout / "python/storage" / path).write_text(content)
    with pytest.raises(NoInitializer) as refusal:
        initializer(f"kserve:{checkout}").prepare()
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_cannot_be_read(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with its path."""
    code = checkout / "python/storage/kserve_storage/__init__.py"
    read = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path == code:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(NoInitializer, match=rf"^kserve:{checkout}: .*Permission denied: '{code}'$"):
        initializer(f"kserve:{checkout}").prepare()


def test_the_python_of_a_dockerfile(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    assert python_of_dockerfile(dockerfile) == PYTHON
    dockerfile.write_text("ARG PYTHON_VERSION=3.12\nFROM python:${PYTHON_VERSION}\n")
    assert python_of_dockerfile(dockerfile) == "3.12"
    dockerfile.write_text("FROM python\n")
    assert python_of_dockerfile(dockerfile) == PYTHON


def test_a_comparison_shows_what_a_change_breaks(checkout: Path, tmp_path: Path) -> None:
    """A changed entrypoint that calls every failure a success: only its rule differs."""
    before = run(tmp_path, "--initializer", f"kserve:{checkout}", "--store", "local", "--rule", "ERR-001,PLACE-004")
    assert before.code == 0, before.text
    old = reader.load(before.reports / "report.json")
    script = checkout / ENTRYPOINT
    script.write_text(SCRIPT.replace("sys.exit(", "print("))
    after = run(tmp_path, "--initializer", f"kserve:{checkout}", "--store", "local", "--rule", "ERR-001,PLACE-004")
    new = reader.load(after.reports / "report.json")
    assert {(one.case.rule, one.change) for one in compare(old, new)} == {("ERR-001", Change.BROKE)}
    assert old.initializer.digest != new.initializer.digest
    assert new.kserve == newest()


def test_a_cluster_takes_no_checkout(checkout: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "--initializer", f"kserve:{checkout}", "--cluster", "kind")
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert f"--cluster runs published releases of KServe, and kserve:{checkout} is a checkout; build its" in done.text
