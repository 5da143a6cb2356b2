"""The cache: programs that a run needs, made once a machine and kept outside the checkout."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from filelock import FileLock

from clusters.toolchain.recipe import recipe

log = logging.getLogger("conformance.setup")

#: Written last, so that a folder without it is the leftover of a build that was killed; it holds the recipe.
COMPLETE = ".complete"


class ToolFailed(Exception):
    """A program could not be made; one line with the remedy, and the file with the full output."""


class StepFailed(Exception):
    """A command of a build failed; the first argument is a line for people, `output` the rest."""

    def __init__(self, line: str, output: str) -> None:
        super().__init__(line)
        self.output = output


def cache_root() -> Path:
    """$KSERVE_CONFORMANCE_CACHE, else `kserve-conformance` in the user's cache folder."""
    if chosen := os.environ.get("KSERVE_CONFORMANCE_CACHE"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kserve-conformance"


def once(
    name: str,
    build: Callable[[Path], None],
    what: str,
    remedy: str = "check the network, or the registry that this machine is configured to use",
) -> Path:
    """The folder `NAME-DIGEST` (such as `go/minio-v1.2.3-0123456789`), filled by `build` if no earlier run has done so.

    The digest is that of the recipe of `build` (see clusters/toolchain/recipe.py).
    `build` gets the folder under its final name, because virtual environments keep their own path in them.
    Other processes wait for it. Raises ToolFailed, which names `what` and the `remedy`.
    """
    key = f"{name}-{digest_of(build)}"
    folder = cache_root() / key
    if (folder / COMPLETE).exists():
        return folder
    with _locked(key, what):
        if (folder / COMPLETE).exists():
            return folder
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        log.info("%s: preparing", what)
        started = time.monotonic()
        try:
            build(folder)
        except (StepFailed, OSError) as failure:
            shutil.rmtree(folder, ignore_errors=True)
            full = _beside("logs", key)
            full.write_text(f"{failure}\n{getattr(failure, 'output', '')}", encoding="utf-8")
            raise ToolFailed(f"{what}: {failure}; {remedy} (full output: {full})") from failure
        (folder / COMPLETE).write_text(recipe(build, cache_root()), encoding="utf-8")
        log.info("%s: ready after %.1f s", what, time.monotonic() - started)
    return folder


def digest_of(build: Callable[..., object]) -> str:
    """Ten hexadecimal digits that change with the recipe of `build`."""
    return hashlib.sha256(recipe(build, cache_root()).encode()).hexdigest()[:10]


def run(
    argv: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    *,
    timeout_s: float | None = None,
) -> str:
    """Run one command of a build with the user's environment plus `environment`; returns its stdout.

    Raises StepFailed with the line of its output that names the error, or when it runs longer than `timeout_s`.
    """
    command = f"$ {' '.join(map(str, argv))}"
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as late:
        raise StepFailed(f"{Path(argv[0]).name} was ended after {timeout_s:g} s", command) from late
    if done.returncode:
        output = f"{command}\n{done.stdout}{done.stderr}"
        raise StepFailed(telling_line(done.stderr or done.stdout) or f"exit code {done.returncode}", output)
    return done.stdout


def telling_line(output: str) -> str:
    """The line that names the error: the first that says so, with its cause where one follows; else the last."""
    lines = [stripped for line in output.splitlines() if (stripped := line.strip())]
    # npm's first line has an error's code only, its next the sentence.
    words = r"^(?!npm \S+ (code|errno|syscall)\b).*(error|fail|cannot|could not|not found|no solution)"
    telling = [line for line in lines if re.search(words, line, re.I)]
    line = (telling or lines[-1:] or [""])[0]
    cause = [after for before, after in pairwise(lines) if before == line and after.startswith("cause:")]
    return ", ".join([line, *cause[:1]])[:300]


@contextmanager
def _locked(key: str, what: str) -> Iterator[None]:
    """Hold the lock of a folder. Raises ToolFailed where the cache cannot be written."""
    try:
        held = FileLock(_beside("locks", key)).acquire()
    except OSError as error:
        place = f"the cache {cache_root()} cannot be written ({error.strerror})"
        raise ToolFailed(f"{what}: {place}; let HOME or KSERVE_CONFORMANCE_CACHE name another folder") from error
    with held:
        yield


def _beside(kind: str, key: str) -> Path:
    path = cache_root() / kind / key.replace("/", "--")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
