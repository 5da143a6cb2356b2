"""What a running program uses: memory, disk and cores. While it waits, none of it grows and little is looked at."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from scenarios.initializers import proc

#: Seconds without a tick of CPU time after which a program counts as waiting.
WAITS_AFTER_S = 0.3
#: Seconds after which its processes are listed anew, while they compute and while they seem to do nothing.
_BUSY_S, _IDLE_S = 0.2, 1.0
#: Seconds that a program runs before its disk is looked at: most are over by then.
_UNWATCHED_S = 1.0


class Watch:
    """The peaks so far, in bytes, of a program that writes below `folder`; `on_wait` is called while it waits."""

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
        """Take in the state of the program `pid` and of its processes; 0 where it cannot be seen."""
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
        """Take in the size of everything below the folder."""
        self.peak_disk = max(self.peak_disk, written(self._folder))


def written(folder: Path | str) -> int:
    """Bytes of disk that the files below `folder` take, as far as they can be seen."""
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
