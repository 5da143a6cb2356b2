"""A local program that was started: its start barrier, its end, and its leftover processes."""

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
    """A local program, stopped at its start barrier.

    program  its process ID.
    init     the first process of its PID namespace; None without a namespace.
    room     identifies processes without a namespace: their environment contains this folder.
    small    whether its destination is a separate file system, which disappears with the namespace.
    """

    popen: subprocess.Popen[bytes]
    program: int
    init: int | None
    rootfs: Rootfs
    small: bool = False

    def __post_init__(self) -> None:
        self.ending = os.pidfd_open(self.program)

    def __enter__(self) -> LocalProgram:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind, even after an interrupt of the suite."""
        if self.popen.poll() is None:
            for pid in (self.init or self.program, self.popen.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.close(self.ending)
        self.popen.__exit__(None, None, None)

    def release(self) -> None:
        """Release the start barrier, so that the program begins."""
        assert self.popen.stdin is not None, "started with a gate"  # noqa: S101
        with suppress(BrokenPipeError):
            self.popen.stdin.write(b"\n")
            self.popen.stdin.close()

    def terminate(self, *, as_first_process: bool) -> bool:
        """Like the kernel, drop a signal without handler. The program is the second process here, not the first."""
        delivered = not as_first_process or proc.handles(self.program, signal.SIGTERM)
        if delivered:
            signal.pidfd_send_signal(self.ending, signal.SIGTERM)
        return delivered

    def kill(self) -> None:
        """Kill the program. `finish` ends the other processes."""
        signal.pidfd_send_signal(self.ending, signal.SIGKILL)

    def seen(self) -> int:
        return self.program

    def halt(self) -> None:
        """Stop all other processes. Repeats until no new one appears, because a process may fork during the search."""
        self._halted: set[int] = set()
        while new := set(self._others()) - self._halted:
            self._signal(new, signal.SIGSTOP)
            self._halted |= new
        if self.init is not None and self.small:
            shutil.copytree(f"/proc/{self.init}/root{DEST}", f"{self.rootfs.root}{DEST}", True, dirs_exist_ok=True)

    def finish(self, patience_s: float) -> Finish:
        """Read the exit from the zombie. Its parent is stopped, or is this process, so nothing has reaped it."""
        exit_code, cpu_s = proc.end_of(self.program)
        waited_s = proc.waited(self.program)
        self._signal(self._halted, signal.SIGCONT)
        deadline = time.monotonic() + patience_s
        while (left := self._others()) and time.monotonic() < deadline:
            time.sleep(0.01)
        names = [proc.name(pid) for pid in left]
        if self.init is not None:
            os.kill(self.init, signal.SIGKILL)  # the kernel then ends the rest of the namespace
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
            found = proc.with_environment(f"{self.rootfs.root}{HOME}".encode())
        return [pid for pid in found if pid != self.program and proc.is_alive(pid)]
