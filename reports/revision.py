"""The commit of the suite, where it runs from a checkout or an archive of its repository."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from reports.model import Suite

#: The end of a commit whose files were changed.
DIRTY = "-dirty"
_WITHIN_S = 30
#: git writes the commit into this file of an archive (.gitattributes). A job that uses the action has an archive.
_ARCHIVED = ".git_archival.txt"


def commit(root: Path, folders: Iterable[str]) -> str:
    """Return the commit of the checkout at `root`, in full; with `-dirty` if files in its `folders` differ from it.

    Of an archive that git made, the commit is known, but not whether files were changed. "" if `root` is neither, as in
    an installed package, or if git cannot read the checkout.
    """
    # Of `root` alone: an installed package may lie in the checkout of another project.
    if not (root / ".git").exists():
        return _archived(root / _ARCHIVED)
    try:
        head = _git(root, "rev-parse", "--verify", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *folders)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{head}{DIRTY}" if changed else head


def _archived(path: Path) -> str:
    if not path.is_file():
        return ""
    found = re.fullmatch(r"node: ([0-9a-f]{40,64})\s*", path.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else ""


def _git(root: Path, *arguments: str) -> str:
    # A hook of git sets GIT_DIR and others, which would name the repository of the hook.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


def named(suite: Suite) -> str:
    """Return the name, the version and the short commit of a suite. The caller escapes them."""
    text = f"{suite.name} {suite.version}"
    if not suite.commit:
        return text
    changed = ", changed" if suite.commit.endswith(DIRTY) else ""
    return f"{text} (commit {suite.commit.removesuffix(DIRTY)[:12]}{changed})"


def remedy(suite: Suite) -> str:
    """Return how to get the suite that wrote a report. The caller escapes it."""
    clean = suite.commit.removesuffix(DIRTY)
    return f"check out its commit, {clean}" if clean else f"install {suite.name} {suite.version}"
