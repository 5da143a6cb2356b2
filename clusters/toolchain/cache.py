"""The cache of programs that a run needs. The suite builds each of them once per machine, outside the checkout."""

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

#: Written last, and holds the recipe; a folder without it is the remainder of a killed build.
COMPLETE = ".complete"


class ToolFailed(Exception):
    """The suite could not build a program; the message is one line with the remedy and the file of the full output."""


class StepFailed(Exception):
    """A command of a build failed; the first argument is one readable line, `output` is the full output."""

    def __init__(self, line: str, output: str) -> None:
        super().__init__(line)
        self.output = output


def cache_root() -> Path:
    """Return $KSERVE_CONFORMANCE_CACHE, or `kserve-conformance` in the user's cache folder."""
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
    """Return the folder `NAME-DIGEST` (such as `go/minio-v1.2.3-0123456789`). If it is missing, `build` fills it first.

    The digest is that of the recipe of `build` (see clusters/toolchain/recipe.py).
    `build` gets the folder under its final name, because a virtual environment contains its own path.
    Other processes wait for the build. Raises ToolFailed, with `what` and the `remedy` in its message.
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
    """Return ten hexadecimal digits that change with the recipe of `build`."""
    return hashlib.sha256(recipe(build, cache_root()).encode()).hexdigest()[:10]


def run(
    argv: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    *,
    timeout_s: float | None = None,
) -> str:
    """Run one command of a build with the user's environment plus `environment`, and return its stdout.

    Raises StepFailed with the line of the output that names the error, or if it runs longer than `timeout_s` seconds.
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
    """Return the line that names the error: the first error line, with its cause if one follows; else the last line."""
    lines = [stripped for line in output.splitlines() if (stripped := line.strip())]
    # The first line of npm has only the code of an error; its next line explains it.
    words = r"^(?!npm \S+ (code|errno|syscall)\b).*(error|fail|cannot|could not|not found|no solution)"
    telling = [line for line in lines if re.search(words, line, re.I)]
    line = (telling or lines[-1:] or [""])[0]
    cause = [after for before, after in pairwise(lines) if before == line and after.startswith("cause:")]
    return ", ".join([line, *cause[:1]])[:300]


@contextmanager
def _locked(key: str, what: str) -> Iterator[None]:
    """Hold the lock of a folder. Raises ToolFailed if the cache is not writable."""
    try:
        held = FileLock(_beside("locks", key)).acquire()
    except OSError as error:
        place = f"the cache {cache_root()} cannot be written ({error.strerror})"
        raise ToolFailed(f"{what}: {place}; set HOME or KSERVE_CONFORMANCE_CACHE to another folder") from error
    with held:
        yield


def _beside(kind: str, key: str) -> Path:
    path = cache_root() / kind / key.replace("/", "--")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
