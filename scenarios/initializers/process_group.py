"""A process group that ends with this process, whatever the cause.

bubblewrap's `--die-with-parent` leaves a gap, because it takes effect late. If the outer process is killed before it
releases the first process in the sandbox, that one waits forever.
"""

from __future__ import annotations

import atexit
import subprocess
from functools import cache
from threading import Lock

_starting = Lock()


def group() -> int:
    """The group for new processes. If the group has already ended, a new process fails to join it."""
    with _starting:
        return _keeper().pid


@cache
def _keeper() -> subprocess.Popen[bytes]:
    """Ends the group, including itself, when its stdin closes. No other process holds the pipe."""
    keeper = subprocess.Popen(["/bin/sh", "-c", "read -r _; kill -KILL 0"], stdin=subprocess.PIPE, process_group=0)
    atexit.register(keeper.communicate)
    return keeper
