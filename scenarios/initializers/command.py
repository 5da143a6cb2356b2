"""An initializer that is any executable with the contract: `command:ARGV`."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from scenarios.initializers import isolation, sandbox
from scenarios.initializers.base import Call, CallResult, Initializer, Isolation, NoInitializer, Wanted
from scenarios.initializers.rootfs import around, interpreter_of, requisites
from scenarios.initializers.shown import digest


class Command(Initializer):
    """`command:ARGV`. ARGV is split like a shell command. Files named in it are visible to the program.

    shown  more local files and folders that the program sees, read-only, at their own paths.

    Raises NoInitializer.
    """

    route = "process"
    version = ""

    def __init__(self, line: str, wanted: Wanted = "auto", shown: Sequence[Path] = ()) -> None:
        self._wanted = wanted
        self.spec = f"command:{line}"
        try:
            argv = shlex.split(line)
        except ValueError as error:
            raise NoInitializer(f"{self.spec}: {error}; quote it as for a shell") from error
        if not argv:
            raise NoInitializer("command: names no program; use command:PROGRAM [ARGUMENT ...]")
        executable = _executable(self.spec, argv[0])
        named = [Path(argument).absolute() for argument in argv[1:] if _names_a_path(argument)]
        arguments = (str(Path(a).absolute()) if _names_a_path(a) else a for a in argv[1:])
        self._program = [str(executable), *arguments]
        self._named = [executable, *(path for path in named if path.is_file())]
        self._needs = [*requisites(executable), *map(around, named), *_shown(shown)]
        self.name = (named[-1] if named else executable).stem

    # Reading all the files takes a while, and few callers need it.
    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """See `shown.digest`."""
        return digest(self._named, self._needs)

    @cached_property
    def isolation(self) -> Isolation:
        """The best isolation that `wanted` and this machine allow. Determined once per run. Raises NoInitializer."""
        return isolation.choose(self._wanted)

    def prepare(self) -> None:
        """Call it without arguments. Any response shows that it has started."""
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            outcome = self.call(Call([], Path(folder)))
        interpreter = interpreter_of(Path(self._program[0]))
        missing = interpreter is not None and not interpreter.exists()
        refuse_if_not_started(
            self.spec, outcome, hint=f"; its #! line names {interpreter}, which does not exist" if missing else ""
        )

    def unsupported(self, call: Call) -> str:
        return sandbox.unsupported(call, self.isolation)

    def run(self, call: Call) -> CallResult:
        """Run it once."""
        return sandbox.run(self._program, self._needs, call, self.isolation)


def refuse_if_not_started(spec: str, outcome: CallResult, hint: str = "") -> None:
    """Raise NoInitializer if a call without arguments did not exit by itself, or did not start (126, 127).

    hint  a possible reason why it does not start.
    """
    said = (outcome.stderr or outcome.stdout).strip().splitlines()[-1:] or ["no output"]
    if outcome.ended != "exit":
        raise NoInitializer(f"{spec} does not end when it gets no arguments: {said[0]}")
    if outcome.exit_code < 0 or outcome.exit_code in {126, 127}:
        raise NoInitializer(f"{spec} cannot start: exit code {outcome.exit_code}, {said[0]}{hint}")


def _shown(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise NoInitializer(f"--show {path}: the path does not exist; the current directory is {Path.cwd()}")
        yield path.absolute()


def _names_a_path(argument: str) -> bool:
    """A word such as `s3` does not count where a folder has that name, unless Python can run the folder."""
    path = Path(argument)
    return path.is_file() or (path / "__main__.py").is_file() or ("/" in argument and path.exists())


def _executable(spec: str, name: str) -> Path:
    found = Path(shutil.which(name) or name)
    if "/" in name and found.is_dir():
        raise NoInitializer(f"{spec}: {name} is a folder; name the program in it")
    if not found.is_file():
        raise NoInitializer(f"{spec}: {name} was not found on PATH or in {Path.cwd()}")
    if not os.access(found, os.X_OK):
        raise NoInitializer(f"{spec}: {name} is not executable; run chmod +x {found}")
    return found.absolute()
