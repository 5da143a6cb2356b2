"""The commit of the suite in a report: of its own checkout, in full, and marked if files were changed."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports import installed, page, revision
from reports.model import Suite
from tests.sample_report import report_of, result

PACKAGE = "conformance"
COMMIT = "0123456789ab" + "c" * 28


def _git(folder: Path, *arguments: str) -> str:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *own, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "checkout"
    (folder / PACKAGE).mkdir(parents=True)
    (folder / PACKAGE / "a.py").write_text("a = 1\n")
    (folder / ".gitignore").write_text("__pycache__/\n")
    _git(tmp_path, "init", "--quiet", str(folder))
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "-m", "a")
    return folder


def test_an_unchanged_checkout_has_its_commit(checkout: Path) -> None:
    """Files outside of the suite, and files that git ignores, change nothing."""
    (checkout / "notes.md").write_text("mine")
    (checkout / PACKAGE / "__pycache__").mkdir()
    (checkout / PACKAGE / "__pycache__" / "a.pyc").write_text("")
    assert revision.commit(checkout, [PACKAGE]) == _git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["a.py", "new.py"])
def test_a_changed_or_a_new_file_is_marked(name: str, checkout: Path) -> None:
    (checkout / PACKAGE / name).write_text("a = 2\n")
    assert revision.commit(checkout, [PACKAGE]) == _git(checkout, "rev-parse", "HEAD") + "-dirty"


def test_a_worktree_is_a_checkout(checkout: Path, tmp_path: Path) -> None:
    _git(checkout, "worktree", "add", "--quiet", str(tmp_path / "other"))
    assert revision.commit(tmp_path / "other", [PACKAGE]) == _git(checkout, "rev-parse", "HEAD")


def test_a_package_in_the_checkout_of_another_project_has_no_commit(checkout: Path) -> None:
    assert revision.commit(checkout / PACKAGE, ["."]) == ""


def test_an_archive_has_the_commit_that_git_wrote_into_it(checkout: Path, tmp_path: Path) -> None:
    """With the files of this repository. Where nobody has archived it, the file has a placeholder."""
    for name in (".git_archival.txt", ".gitattributes"):
        shutil.copy(installed.ROOT / name, checkout)
    _git(checkout, "add", ".")
    _git(checkout, "commit", "--quiet", "-m", "b")
    _git(checkout, "archive", "--output", str(tmp_path / "archive.zip"), "HEAD")
    with zipfile.ZipFile(tmp_path / "archive.zip") as archive:
        archive.extractall(tmp_path / "archive")
    assert revision.commit(tmp_path / "archive", [PACKAGE]) == _git(checkout, "rev-parse", "HEAD")
    shutil.copy(installed.ROOT / ".git_archival.txt", tmp_path / "archive")
    assert revision.commit(tmp_path / "archive", [PACKAGE]) == ""


def test_a_hook_of_another_repository_does_not_matter(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "absent.git"))
    assert len(revision.commit(checkout, [PACKAGE])) == 40


def test_git_that_is_absent_or_reads_nothing(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    (broken / ".git").mkdir(parents=True)
    assert revision.commit(broken, [PACKAGE]) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision.commit(checkout, [PACKAGE]) == ""


@pytest.fixture
def _not_yet_asked() -> Iterator[None]:
    installed.suite.cache_clear()
    yield
    installed.suite.cache_clear()


@pytest.mark.usefixtures("_not_yet_asked")
def test_another_commit_during_a_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has read its code before."""
    commits = iter(["a" * 40, "b" * 40])
    monkeypatch.setattr(revision, "commit", lambda *_: next(commits))
    assert [installed.suite().commit for _ in range(2)] == ["a" * 40, "a" * 40]


@pytest.mark.usefixtures("_not_yet_asked")
def test_the_suite_of_a_report() -> None:
    """That of this checkout, with the digest of its files."""
    suite = installed.suite()
    assert suite.build == installed.build()
    assert suite.commit == revision.commit(installed.ROOT, ["conformance", "scenarios", "clusters"])


@pytest.mark.parametrize(
    ("commit", "text"),
    [("", "s 1"), (COMMIT, "s 1 (commit 0123456789ab)"), (f"{COMMIT}-dirty", "s 1 (commit 0123456789ab, changed)")],
)
def test_the_page_names_the_suite(commit: str, text: str) -> None:
    assert f"<dd>{text}</dd>" in page.page(report_of(result(), suite=Suite("s", "1", commit=commit)))
