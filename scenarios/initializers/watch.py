"""Watch a program's memory, disk and CPU usage. While it waits, the usage does not grow and few checks suffice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from scenarios.initializers import proc

#: Seconds without CPU time after which a program counts as waiting.
WAITS_AFTER_S = 0.3
#: Seconds between two listings of its processes: while they compute, and while they seem idle.
_BUSY_S, _IDLE_S = 0.2, 1.0
#: Seconds before the first check of its disk usage. Most programs end earlier.
_UNWATCHED_S = 1.0


class Watch:
    """The peaks so far, in bytes, of a program that writes below `folder`. Calls `on_wait` while it waits."""

    def __init__(self, folder: Path, on_wait: Callable[[], None]) -> None:
        self.peak_memory = 0
        self.peak_disk = 0
        self._folder = folder
        self._on_wait = on_wait
        self._began = self._busy = time.monotonic()
        self._listed = 0.0
        self._processes: list[int] = []
        self._cpu_s = 0.0

    @property
    def waits(self) -> bool:
        """Whether it has not computed for a while."""
        return time.monotonic() - self._busy > WAITS_AFTER_S

    def look(self, pid: int) -> None:
        """Record the state of program `pid` and its processes. `pid` is 0 if it is not visible."""
        now = time.monotonic()
        processes = [pid, *self._processes]
        cpu_s = sum(map(proc.cpu_seconds, processes))
        busy = cpu_s != self._cpu_s or pid == 0
        self.peak_memory = max(self.peak_memory, proc.peak_memory(pid))
        if busy:
            self._cpu_s, self._busy = cpu_s, now
        elif self.waits:
            self._on_wait()
        if now - self._listed > (_BUSY_S if busy else _IDLE_S):
            self._listed = now
            self._processes = proc.descendants(pid)
            self.peak_memory = max(self.peak_memory, proc.memory_of_all([pid, *self._processes]))
            if now - self._began > _UNWATCHED_S:
                self.look_at_disk()

    def look_at_disk(self) -> None:
        """Record the size of all files below the folder."""
        self.peak_disk = max(self.peak_disk, written(self._folder))


def written(folder: Path | str) -> int:
    """The disk usage of the files below `folder` in bytes, as far as they are visible."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    total += written(entry.path)
    except OSError:  # removed or closed meanwhile
        pass
    return total
