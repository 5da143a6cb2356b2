"""What the kernel tells of processes (proc_pid_stat(5), proc_pid_status(5)). All of them may be gone at any moment."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

#: Limit and use of the control group that this process sees as its root, in version 2 and in version 1.
_MEMORY_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cores() -> int:
    """How many cores this process may use."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1


def available_memory() -> int:
    """Bytes that new processes may take: what the kernel has left, or what a control group leaves of its limit."""
    free = re.search(r"^MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    left = [int(free[1]) << 10] if free else []
    for limit, used in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):  # no such control group, or "max"
            left.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(0, min(left))


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process, of its living descendants, and of the dead ones that were waited for."""
    return sum(map(cpu_seconds, [pid, *descendants(pid)]))


def end_of(pid: int) -> tuple[int, float]:
    """The exit code (negative for a signal) and CPU seconds, waited-for children included, of a zombie."""
    fields = _stat(pid)
    return os.waitstatus_to_exitcode(int(fields[49])), sum(map(int, fields[11:15])) / _TICKS_PER_S


def is_alive(pid: int) -> bool:
    """Whether the process runs: neither gone nor a zombie."""
    return _stat(pid)[0] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has taken effect, which is later than `kill` returns."""
    return _stat(pid)[0] == "T"


def sleeps(pid: int) -> bool:
    """Whether the process waits for something, with all that it does before behind it."""
    return _stat(pid)[0] == "S"


def children(pid: int) -> list[int]:
    """The living and dead children that a process has not waited for."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - a path object costs more than the look
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def descendants(pid: int) -> list[int]:
    """The children, their children and so on."""
    found = children(pid)
    for child in found:  # grows while it is read
        found += children(child)
    return found


def peak_memory(pid: int) -> int:
    """The largest resident set of a process since its last exec, in bytes; 0 once it has ended."""
    found = re.search(r"^VmHWM:\s*(\d+) kB", _read(f"/proc/{pid}/status"), re.M)
    return int(found[1]) << 10 if found else 0


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    found = 0
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found += str(descriptor.readlink()).startswith("socket:")
    return found


def share_of_memory(pid: int) -> int:
    """The proportional set of a process now, in bytes: of pages that it shares with others its part; 0 at its end."""
    found = re.search(r"^Pss:\s*(\d+) kB", _read(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(found[1]) << 10 if found else 0


def memory_of_all(pids: Sequence[int]) -> int:
    """Of some processes: their sets now or the largest so far of one of them, in bytes.

    Pages that they share are counted once.
    """
    together = sum(map(share_of_memory, pids)) if len(pids) > 1 else 0
    return max(together, *map(peak_memory, pids))


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, with those of its children that it has waited for; 0 once it is reaped."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS_PER_S


def kill_busiest(pid: int) -> bool:
    """End the descendant that holds the most connections; False where there is none."""
    workers = list(filter(is_alive, descendants(pid)))
    if workers:
        with suppress(ProcessLookupError):
            os.kill(max(workers, key=sockets), signal.SIGKILL)
    return bool(workers)


def waited(pid: int) -> float:
    """Seconds that the first thread of a process was ready to run and waited for a core; 0 where nobody counts."""
    fields = _read(f"/proc/{pid}/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)", _read(f"/proc/{pid}/status"), re.M)
    return bool(found and int(found[1], 16) >> (number - 1) & 1)


def with_environment(text: bytes) -> list[int]:
    """The processes whose environment at their start had `text`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if text in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def name(pid: int) -> str:
    """The name of a process's program, 15 characters at most; "" once it is gone."""
    return _read(f"/proc/{pid}/comm").strip()


def _stat(pid: int) -> list[str]:
    """The fields after the name, from the state (field 3 of the manual) on."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split() or ["X"]


def _read(path: str) -> str:
    """The file, empty where it is gone. Calls are looked at twenty times a second, so this is kept cheap."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a path object costs more than the look
            return file.read().decode(errors="replace")
    except OSError:
        return ""
