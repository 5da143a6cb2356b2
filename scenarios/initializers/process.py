"""Supervise a running program: read its output, enforce its limits and measure its end."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Generic, Literal, Protocol, TypeVar

from scenarios.initializers import proc
from scenarios.initializers.base import ORDINARY, Call, Conditions, Kill, Victim
from scenarios.initializers.sought import Sought
from scenarios.initializers.watch import Watch

#: Bytes to keep from the start and from the end of each stream.
KEPT_BYTES = 64 << 10
#: Seconds between SIGTERM and SIGKILL when a call exceeds a limit.
GRACE_S = 2.0
#: Seconds that other processes have to exit after the program, before they count as leftover.
_FOLLOW_S = 2.0
_TICK_S = 0.05
#: The tick while the program is idle and no condition needs polling.
_IDLE_TICK_S = 0.25

T = TypeVar("T")


class RunningProgram(Protocol):
    """A started program. `popen` is the local process that holds its streams and reports its exit."""

    popen: subprocess.Popen[bytes]
    #: A pidfd. It becomes readable when the program ends.
    ending: int

    def seen(self) -> int:
        """The program's process ID. 0 before it runs, and if it runs on another machine's kernel."""

    def terminate(self, *, as_first_process: bool) -> bool:
        """Send SIGTERM. Returns whether the program received it.

        as_first_process  send it only if the program handles it, like the kernel for a container's first process.
        """

    def kill(self) -> None:
        """Kill all of its processes at once."""

    def halt(self) -> None:
        """After the program's end: stop its other processes and copy files kept elsewhere into the call's folder."""

    def finish(self, patience_s: float) -> Finish:
        """After `halt`: report the end. Other processes get `patience_s` seconds to exit, then they are killed."""


@dataclass(frozen=True)
class Finish:
    """The end of a program.

    cpu_s               CPU seconds, including children that it waited for.
    leftover_processes  names of its processes that were still running.
    waited_s            see `CallResult`.
    """

    exit_code: int
    cpu_s: float = 0.0
    leftover_processes: Sequence[str] = ()
    waited_s: float = 0.0


@dataclass(frozen=True)
class Limits:
    """The limits of a call. The program may write so many bytes below `watched` as its conditions allow."""

    timeout_s: float
    watched: Path
    conditions: Conditions = ORDINARY
    sought: Sequence[str] = ()

    @classmethod
    def of(cls, call: Call) -> Limits:
        """The limits of a call."""
        return cls(call.timeout_s, call.workdir, call.conditions, call.sought)


@dataclass(frozen=True)
class EndedCall(Generic[T]):
    """A call that has ended, with what `observe` returned. See `CallResult` for the other fields."""

    observed: T
    ended: Literal["exit", "timeout", "disk"]
    finish: Finish
    stdout: str
    stderr: str
    truncated: bool
    duration_s: float
    peak_memory: int
    ended_after_signal_s: float | None
    delivered: bool
    killed: Victim | None
    began: float
    peak_disk: int
    found: frozenset[str]


class BoundedOutput:
    """The first and last 64 KiB of a stream, and the texts of `sought` that occur anywhere in it."""

    def __init__(self, sought: Sequence[str] = ()) -> None:
        self.sought = Sought(sought)
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def record(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        self.sought.look(data)
        rootfs = KEPT_BYTES - len(self._head)
        self._head += data[:rootfs]
        self._tail += data[rootfs:] if rootfs else data
        if (excess := len(self._tail) - KEPT_BYTES) > 0:
            del self._tail[:excess]
            self._left_out += excess

    @property
    def truncated(self) -> bool:
        """Whether bytes were dropped."""
        return self._left_out > 0

    def text(self) -> str:
        """The kept text, with a line in place of dropped bytes."""
        gap = f"\n[... {self._left_out} bytes left out ...]\n" if self.truncated else ""
        return f"{self._head.decode(errors='replace')}{gap}{self._tail.decode(errors='replace')}"


def supervise(
    running: RunningProgram, limits: Limits, observe: Callable[[], T], on_wait: Callable[[], None] = lambda: None
) -> EndedCall[T]:
    """Wait until a program that has just started ends. End it if it exceeds a limit.

    observe  called after the program has ended and its other processes are stopped, because in a pod they die with it.
    on_wait  called whenever the program is found waiting rather than computing.
    """
    started = time.monotonic()
    outputs = (BoundedOutput(limits.sought), BoundedOutput(limits.sought))
    ended: Literal["exit", "timeout", "disk"] = "exit"
    signalled: float | None = None
    delivered = False
    kill_at: float | None = None
    killed: Victim | None = None
    watch = Watch(limits.watched, on_wait)
    kill, terminate_when = limits.conditions.kill, limits.conditions.terminate_when
    wakes = kill is not None or terminate_when is not None
    with selectors.DefaultSelector() as selector:
        for stream, output in zip((running.popen.stdout, running.popen.stderr), outputs, strict=True):
            selector.register(_open(stream), selectors.EVENT_READ, output)
        selector.register(running.ending, selectors.EVENT_READ)
        over: float | None = None
        while over is None:
            for key, _ in selector.select(_TICK_S if wakes or not watch.waits else _IDLE_TICK_S):
                if key.data is None:
                    over = time.monotonic()
                elif not _drain(key.fd, key.data):
                    selector.unregister(key.fileobj)
            elapsed = time.monotonic() - started
            if over is not None:
                break
            watch.look(running.seen())
            if terminate_when is not None and signalled is None and terminate_when():
                signalled = time.monotonic()
                delivered = running.terminate(as_first_process=True)
            killed = killed or _kill(running, kill)
            if ended == "exit" and watch.peak_disk >= limits.conditions.disk:
                ended = "disk"
                running.kill()
            if ended == "exit" and elapsed >= limits.timeout_s:
                ended, kill_at = "timeout", elapsed + GRACE_S
                running.terminate(as_first_process=False)
            if kill_at is not None and elapsed >= kill_at:
                running.kill()
        running.halt()
        selector.unregister(running.ending)
        _drain_what_came(selector)
    watch.look_at_disk()
    observed = observe()
    finish = running.finish(_FOLLOW_S if ended == "exit" else 0.0)
    if ended != "exit":  # the limit ended it, so nothing is known about what would have followed
        finish = replace(finish, leftover_processes=())
    if ended == "exit" and watch.peak_disk >= limits.conditions.disk:
        ended = "disk"
    return EndedCall(
        observed=observed,
        ended=ended,
        finish=finish,
        stdout=outputs[0].text(),
        stderr=outputs[1].text(),
        truncated=any(output.truncated for output in outputs),
        duration_s=over - started,
        peak_memory=watch.peak_memory,
        ended_after_signal_s=None if signalled is None else over - signalled,
        delivered=delivered,
        killed=killed,
        began=started,
        peak_disk=watch.peak_disk,
        found=frozenset().union(*(output.sought.found for output in outputs)),
    )


def _kill(running: RunningProgram, kill: Kill | None) -> Victim | None:
    """Send the kill if its condition holds. Returns the victim."""
    if kill is None or not kill.when():
        return None
    if kill.worker and proc.kill_busiest(running.seen()):
        return "worker"
    running.kill()
    return "program"


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "started without pipes"  # noqa: S101
    return stream


def _drain(stream: int, output: BoundedOutput) -> bool:
    """Read the available data. Returns False at the end of the stream."""
    data = os.read(stream, 1 << 20)
    output.record(data)
    return bool(data)


def _drain_what_came(selector: selectors.BaseSelector) -> None:
    """Read the remaining output of an ended program and its stopped processes."""
    while selector.get_map() and (ready := selector.select(0)):
        for key, _ in ready:
            if not _drain(key.fd, key.data):
                selector.unregister(key.fileobj)
