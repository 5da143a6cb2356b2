"""Start a plan's program up to its start barrier, in a sandbox or on the host."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from scenarios.initializers import bubblewrap, proc, unshare
from scenarios.initializers.base import Isolation
from scenarios.initializers.plan import Plan
from scenarios.initializers.program import LocalProgram

#: Seconds within which a tool must create a sandbox.
START_S = 30.0
#: Attempts. A tool fails if a foreign mount, such as a container's, disappears while the tool binds its surroundings.
STARTS = 3


class SandboxBroken(Exception):
    """A tool failed to create a sandbox. This says nothing about the program."""


class Tool(Protocol):
    """A sandbox tool. The modules `bubblewrap` and `unshare` implement it."""

    def missing(self) -> str:
        """Why it cannot be tried; "" if it can."""

    def start(self, plan: Plan, info: int) -> subprocess.Popen[bytes]:
        """Start the plan's program up to the start barrier. Writes its first process's ID to `info`.

        The format is `{"child-pid": N}`. Raises OSError if the tool itself cannot start.
        """


#: Best first.
TOOLS: dict[Isolation, Tool] = {"bubblewrap": bubblewrap, "unshare": unshare}


def start(plan: Plan, isolation: Isolation, within_s: float = START_S, tries: int = STARTS) -> LocalProgram:
    """Start the plan's program up to its start barrier. Raises SandboxBroken after `tries` attempts of `within_s`."""
    if isolation == "none":
        popen = unshare.start_on_host(plan)
        return LocalProgram(popen, popen.pid, None, plan.rootfs)
    for _ in range(tries - 1):
        with suppress(SandboxBroken):
            return _sandboxed(plan, isolation, within_s)
    return _sandboxed(plan, isolation, within_s)


def _sandboxed(plan: Plan, isolation: Isolation, within_s: float) -> LocalProgram:
    deadline = time.monotonic() + within_s
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as info:
        try:
            popen = TOOLS[isolation].start(plan, writing)
        except OSError as error:
            raise SandboxBroken(f"{isolation} did not start: {error}") from error
        finally:
            os.close(writing)
        init = _first_process(info.fileno(), deadline)
    if not init or not _stop(init, popen, deadline):
        late = "no answer in time" if time.monotonic() > deadline else "it ended at once"
        raise SandboxBroken(f"{isolation} did not start: {_last_words(popen) or late}")
    (program,) = proc.children(init)
    return LocalProgram(popen, program, init, plan.rootfs, small=plan.small is not None)


def _first_process(info: int, deadline: float) -> int | None:
    """The process ID that the tool writes as JSON; None if it writes none."""
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(info, selectors.EVENT_READ)
        while not text.rstrip().endswith(b"}"):
            if not selector.select(deadline - time.monotonic()) or not (part := os.read(info, 4096)):
                return None
            text += part
    return int(json.loads(text)["child-pid"])


def _stop(init: int, popen: subprocess.Popen[bytes], deadline: float) -> bool:
    """Stop the first process once it has forked the program. Returns whether that succeeded.

    While stopped, it neither reaps the program nor ends the namespace before the suite counts leftover processes.
    """

    def wait_until(done: Callable[[], object]) -> bool:
        while not done():
            if popen.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.0005)
        return True

    # It sleeps when it waits for the program. By then it has asked the kernel to die with its parent.
    if not (wait_until(lambda: proc.children(init)) and wait_until(lambda: proc.sleeps(init))):
        return False
    with suppress(ProcessLookupError):
        os.kill(init, signal.SIGSTOP)
    return wait_until(lambda: proc.is_stopped(init))


def _last_words(popen: subprocess.Popen[bytes]) -> str:
    """The output of a tool that is being ended. Its own children may hold its streams, so this waits a limited time."""
    popen.kill()
    with popen:
        try:
            _, said = popen.communicate(timeout=1)
        except subprocess.TimeoutExpired as held:
            said = held.stderr or b""
    return said.decode(errors="replace").strip()
