"""Process data from the kernel (proc_pid_stat(5), proc_pid_status(5)). A process may disappear at any moment."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

#: The memory limit and usage files of the control group that this process sees as its root, in version 2 and 1.
_MEMORY_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cores() -> int:
    """The number of cores that this process may use."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1


def available_memory() -> int:
    """Bytes available to new processes: the kernel's free memory, or the rest of a control group's limit."""
    free = re.search(r"^MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    left = [int(free[1]) << 10] if free else []
    for limit, used in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):  # no such control group, or "max"
            left.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(0, min(left))


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process, its living descendants, and dead ones that their parents have waited for."""
    return sum(map(cpu_seconds, [pid, *descendants(pid)]))


def end_of(pid: int) -> tuple[int, float]:
    """The exit code of a zombie (negative for a signal), and its CPU seconds with waited-for children."""
    fields = _stat(pid)
    return os.waitstatus_to_exitcode(int(fields[49])), sum(map(int, fields[11:15])) / _TICKS_PER_S


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    return _stat(pid)[0] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has taken effect, which may be after `kill` returns."""
    return _stat(pid)[0] == "T"


def sleeps(pid: int) -> bool:
    """Whether the process sleeps in a system call, so that everything before that call is done."""
    return _stat(pid)[0] == "S"


def children(pid: int) -> list[int]:
    """The children of a process that it has not waited for, living and dead."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - a path object costs more than the look
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def descendants(pid: int) -> list[int]:
    """The children, their children and so on."""
    found = children(pid)
    for child in found:  # the loop appends to it
        found += children(child)
    return found


def peak_memory(pid: int) -> int:
    """The peak resident set size of a process since its last exec, in bytes; 0 after its end."""
    found = re.search(r"^VmHWM:\s*(\d+) kB", _read(f"/proc/{pid}/status"), re.M)
    return int(found[1]) << 10 if found else 0


def sockets(pid: int) -> int:
    """The number of open sockets of a process."""
    found = 0
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found += str(descriptor.readlink()).startswith("socket:")
    return found


def share_of_memory(pid: int) -> int:
    """The current proportional set size of a process, in bytes; 0 after its end. Shared pages count in proportion."""
    found = re.search(r"^Pss:\s*(\d+) kB", _read(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(found[1]) << 10 if found else 0


def memory_of_all(pids: Sequence[int]) -> int:
    """The memory of several processes in bytes: their current sum, or the largest peak of one of them if higher.

    Shared pages count once.
    """
    together = sum(map(share_of_memory, pids)) if len(pids) > 1 else 0
    return max(together, *map(peak_memory, pids))


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, with those of waited-for children; 0 after it is reaped."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS_PER_S


def kill_busiest(pid: int) -> bool:
    """Kill the descendant with the most open connections. Returns False if there is none."""
    workers = list(filter(is_alive, descendants(pid)))
    if workers:
        with suppress(ProcessLookupError):
            os.kill(max(workers, key=sockets), signal.SIGKILL)
    return bool(workers)


def waited(pid: int) -> float:
    """Seconds that a process's first thread was runnable and waited for a core; 0 if the kernel does not count them."""
    fields = _read(f"/proc/{pid}/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)", _read(f"/proc/{pid}/status"), re.M)
    return bool(found and int(found[1], 16) >> (number - 1) & 1)


def with_environment(text: bytes) -> list[int]:
    """The processes whose initial environment contains `text`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if text in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def name(pid: int) -> str:
    """The name of a process's program, at most 15 characters; "" after its end."""
    return _read(f"/proc/{pid}/comm").strip()


def _stat(pid: int) -> list[str]:
    """The fields after the name, starting with the state (field 3 of the manual)."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split() or ["X"]


def _read(path: str) -> str:
    """The file's content; empty if it is gone. Must be cheap: the suite reads such files twenty times a second."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a path object costs more than the look
            return file.read().decode(errors="replace")
    except OSError:
        return ""
