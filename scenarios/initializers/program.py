"""A program of this machine that has been started: its gate, its end, and what it leaves running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from scenarios.initializers import proc
from scenarios.initializers.base import DEST
from scenarios.initializers.process import Finish
from scenarios.initializers.rootfs import HOME, Rootfs


@dataclass
class LocalProgram:
    """A program of this machine, stopped at its gate.

    program  its process id.
    init     the first process of its pid namespace; None where it has none of its own.
    room     what a process without a namespace is known by: the folder is in its environment.
    small    whether its destination is a file system of its own, which goes with the namespace.
    """

    popen: subprocess.Popen[bytes]
    program: int
    init: int | None
    room: Rootfs
    small: bool = False

    def __post_init__(self) -> None:
        self.ending = os.pidfd_open(self.program)

    def __enter__(self) -> LocalProgram:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, also where the suite itself was interrupted."""
        if self.popen.poll() is None:
            for pid in (self.init or self.program, self.popen.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.close(self.ending)
        self.popen.__exit__(None, None, None)

    def release(self) -> None:
        """Let the program begin."""
        assert self.popen.stdin is not None, "started with a gate"  # noqa: S101
        with suppress(BrokenPipeError):
            self.popen.stdin.write(b"\n")
            self.popen.stdin.close()

    def terminate(self, *, as_first_process: bool) -> bool:
        """The kernel drops a signal without handler to the first process of a container; here it is the second."""
        delivered = not as_first_process or proc.handles(self.program, signal.SIGTERM)
        if delivered:
            signal.pidfd_send_signal(self.ending, signal.SIGTERM)
        return delivered

    def kill(self) -> None:
        """End the program; `finish` ends the rest."""
        signal.pidfd_send_signal(self.ending, signal.SIGKILL)

    def seen(self) -> int:
        return self.program

    def halt(self) -> None:
        """Stop all others, again until none is new: one that forks meanwhile is faster than the look at it."""
        self._halted: set[int] = set()
        while new := set(self._others()) - self._halted:
            self._signal(new, signal.SIGSTOP)
            self._halted |= new
        if self.init is not None and self.small:
            shutil.copytree(f"/proc/{self.init}/root{DEST}", f"{self.room.root}{DEST}", True, dirs_exist_ok=True)

    def finish(self, patience_s: float) -> Finish:
        """Read the end off the zombie: its parent was stopped, or is this process, so that nobody has reaped it."""
        exit_code, cpu_s = proc.end_of(self.program)
        waited_s = proc.waited(self.program)
        self._signal(self._halted, signal.SIGCONT)
        deadline = time.monotonic() + patience_s
        while (left := self._others()) and time.monotonic() < deadline:
            time.sleep(0.01)
        names = [proc.name(pid) for pid in left]
        if self.init is not None:
            os.kill(self.init, signal.SIGKILL)  # the kernel ends the rest of the namespace with it
        self._signal(left, signal.SIGKILL)
        self.popen.wait()
        return Finish(exit_code, cpu_s, names, waited_s)

    @staticmethod
    def _signal(processes: Iterable[int], number: signal.Signals) -> None:
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _others(self) -> list[int]:
        if self.init is not None:
            found = proc.descendants(self.init)
        else:
            found = proc.with_environment(f"{self.room.root}{HOME}".encode())
        return [pid for pid in found if pid != self.program and proc.is_alive(pid)]
