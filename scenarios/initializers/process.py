"""A running program: its output drained, its limits kept, its end measured."""

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

#: Of each stream, the first and the last bytes that are kept.
KEPT_BYTES = 64 << 10
#: What a call may write.
DISK_BYTES = 512 << 20
#: Seconds from SIGTERM to SIGKILL when a limit ends a call.
GRACE_S = 2.0
#: Seconds that other processes have to follow a program that has ended, before they count as leftover.
_FOLLOW_S = 2.0
_TICK_S = 0.05
#: The same while the program does nothing, and nothing is waited for.
_IDLE_TICK_S = 0.25

T = TypeVar("T")


class RunningProgram(Protocol):
    """A started program. `popen` is the process of this machine that holds its streams and reports its end."""

    popen: subprocess.Popen[bytes]
    #: Readable as soon as the program has ended (a pidfd).
    ending: int

    def seen(self) -> int:
        """The process id of the program; 0 before it runs, and where another machine's kernel has it."""

    def terminate(self, *, as_first_process: bool) -> bool:
        """Send SIGTERM; `as_first_process` only if it is handled, as for a container's first process.

        The answer is whether it was delivered.
        """

    def kill(self) -> None:
        """End all of its processes at once."""

    def halt(self) -> None:
        """The program has ended: stop its other processes, and bring what lies elsewhere to the call's folder."""

    def finish(self, patience_s: float) -> Finish:
        """After `halt`: how it ended. Other processes go on for `patience_s` to follow it; then they are ended."""


@dataclass(frozen=True)
class Finish:
    """The end of a program.

    cpu_s               includes children that it waited for.
    leftover_processes  names of its processes that ran on.
    waited_s            see `CallResult`.
    """

    exit_code: int
    cpu_s: float = 0.0
    leftover_processes: Sequence[str] = ()
    waited_s: float = 0.0


@dataclass(frozen=True)
class Limits:
    """When a call is ended. `disk` bytes may be written below `watched`."""

    timeout_s: float
    watched: Path
    disk: int = DISK_BYTES
    conditions: Conditions = ORDINARY
    sought: Sequence[str] = ()

    @classmethod
    def of(cls, call: Call, disk: int = DISK_BYTES) -> Limits:
        """The limits of a call."""
        return cls(call.timeout_s, call.workdir, disk, call.conditions, call.sought)


@dataclass(frozen=True)
class EndedCall(Generic[T]):
    """A call that is over, with what was observed at its end; see `Outcome` for the other fields."""

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
    """The first and the last part of a stream of any length, and what of `sought` stands anywhere in it."""

    def __init__(self, sought: Sequence[str] = ()) -> None:
        self.sought = Sought(sought)
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def record(self, data: bytes) -> None:
        """Take the next bytes."""
        self.sought.look(data)
        room = KEPT_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room else data
        if (excess := len(self._tail) - KEPT_BYTES) > 0:
            del self._tail[:excess]
            self._left_out += excess

    @property
    def truncated(self) -> bool:
        """Whether bytes were left out."""
        return self._left_out > 0

    def text(self) -> str:
        """What was kept, with a line where bytes were left out."""
        gap = f"\n[... {self._left_out} bytes left out ...]\n" if self.truncated else ""
        return f"{self._head.decode(errors='replace')}{gap}{self._tail.decode(errors='replace')}"


def supervise(
    running: RunningProgram, limits: Limits, observe: Callable[[], T], on_wait: Callable[[], None] = lambda: None
) -> EndedCall[T]:
    """Wait for the end of a program that was started just now, and end it where it passes a limit.

    observe  called when the program has ended and its other processes are stopped: in a pod they die with it.
    on_wait  called whenever the program is seen to wait instead of computing.
    """
    started = time.monotonic()
    tapes = (BoundedOutput(limits.sought), BoundedOutput(limits.sought))
    ended: Literal["exit", "timeout", "disk"] = "exit"
    signalled: float | None = None
    delivered = False
    kill_at: float | None = None
    killed: Victim | None = None
    watch = Watch(limits.watched, on_wait)
    kill, terminate_when = limits.conditions.kill, limits.conditions.terminate_when
    wakes = kill is not None or terminate_when is not None
    with selectors.DefaultSelector() as selector:
        for stream, tape in zip((running.popen.stdout, running.popen.stderr), tapes, strict=True):
            selector.register(_open(stream), selectors.EVENT_READ, tape)
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
            if ended == "exit" and watch.peak_disk >= limits.disk:
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
    if ended != "exit":  # nothing can be said of what would have followed
        finish = replace(finish, leftover_processes=())
    if ended == "exit" and watch.peak_disk >= limits.disk:
        ended = "disk"
    return EndedCall(
        observed=observed,
        ended=ended,
        finish=finish,
        stdout=tapes[0].text(),
        stderr=tapes[1].text(),
        truncated=any(tape.truncated for tape in tapes),
        duration_s=over - started,
        peak_memory=watch.peak_memory,
        ended_after_signal_s=None if signalled is None else over - signalled,
        delivered=delivered,
        killed=killed,
        began=started,
        peak_disk=watch.peak_disk,
        found=frozenset().union(*(tape.sought.found for tape in tapes)),
    )


def _kill(running: RunningProgram, kill: Kill | None) -> Victim | None:
    """Kill if it is time."""
    if kill is None or not kill.when():
        return None
    if kill.worker and proc.kill_busiest(running.seen()):
        return "worker"
    running.kill()
    return "program"


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "started without pipes"  # noqa: S101
    return stream


def _drain(stream: int, tape: BoundedOutput) -> bool:
    """Record what has come; False at the end of the stream."""
    data = os.read(stream, 1 << 20)
    tape.record(data)
    return bool(data)


def _drain_what_came(selector: selectors.BaseSelector) -> None:
    """Record what an ended program and its stopped processes left in their pipes."""
    while selector.get_map() and (ready := selector.select(0)):
        for key, _ in ready:
            if not _drain(key.fd, key.data):
                selector.unregister(key.fileobj)
