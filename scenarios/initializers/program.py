"""A program of this machine that has been started: its gate, its end, and what it leaves running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from scenarios.initializers import proc
from scenarios.initializers.base import DEST
from scenarios.initializers.process import Finish
from scenarios.initializers.room import HOME, Room


@dataclass
class Process:
    """A program of this machine, stopped at its gate.

    program  its process id.
    init     the first process of its pid namespace; None where it has none of its own.
    room     what a process without a namespace is known by: the folder is in its environment.
    small    whether its destination is a file system of its own, which goes with the namespace.
    """

    popen: subprocess.Popen[bytes]
    program: int
    init: int | None
    room: Room
    small: bool = False

    def __post_init__(self) -> None:
        self.ending = os.pidfd_open(self.program)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, also where the suite itself was interrupted."""
        if self.popen.poll() is None:
            for pid in (self.init or self.program, self.popen.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.close(self.ending)
        self.popen.__exit__(None, None, None)

    def open_gate(self) -> None:
        """Let the program begin."""
        assert self.popen.stdin is not None, "started with a gate"  # noqa: S101
        with suppress(BrokenPipeError):
            self.popen.stdin.write(b"\n")
            self.popen.stdin.close()

    def terminate(self, *, as_first_process: bool) -> None:
        """The kernel drops a signal without handler to the first process of a container; here it is the second."""
        if not as_first_process or proc.handles(self.program, signal.SIGTERM):
            signal.pidfd_send_signal(self.ending, signal.SIGTERM)

    def kill(self) -> None:
        """End the program; `finish` ends the rest."""
        signal.pidfd_send_signal(self.ending, signal.SIGKILL)

    def seen(self) -> int:
        return self.program

    def finish(self, patience_s: float) -> Finish:
        """Read the end off the zombie: its parent was stopped, or is this process, so that nobody has reaped it."""
        exit_code, cpu_s = proc.end_of(self.program)
        waited_s = proc.waited(self.program)
        deadline = time.monotonic() + patience_s
        while (left := self._others()) and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.init is not None:
            if self.small:
                shutil.copytree(f"/proc/{self.init}/root{DEST}", f"{self.room.root}{DEST}", True, dirs_exist_ok=True)
            os.kill(self.init, signal.SIGKILL)  # the kernel ends the rest of the namespace with it
        for other in left:
            with suppress(ProcessLookupError):
                os.kill(other, signal.SIGKILL)
        self.popen.wait()
        return Finish(exit_code, cpu_s, len(left), waited_s)

    def _others(self) -> list[int]:
        if self.init is not None:
            found = proc.descendants(self.init)
        else:
            found = proc.with_environment(f"{self.room.root}{HOME}".encode())
        return [pid for pid in found if pid != self.program and proc.is_alive(pid)]
