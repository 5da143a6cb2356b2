"""Run `ARGV`, and end its whole process group when stdin closes: then the process that holds the pipe has ended.

Usage: `python -m scenarios.servers.supervisor ARGV...`. Exits with the child's exit status (128 + signal).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run `argv` until it ends or stdin closes."""
    supervisor = os.getpid()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        die_with_parent(supervisor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        try:
            os.execvp(argv[0], argv)  # noqa: S606 -- no shell is wanted
        except OSError as error:
            os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
            os._exit(127)
    with contextlib.suppress(OSError):  # the child has already ended
        os.setpgid(child, child)
    select.select([0, os.pidfd_open(child)], [], [])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends. Ends it now if `parent`, a process ID, has already ended.

    Other programs start below `setpriv --pdeathsig` instead. The launcher of a call cannot import this module.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
