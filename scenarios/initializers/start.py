"""Starting the program of a plan, up to its gate: in a sandbox that one of the tools makes, or plainly."""

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

#: Seconds that a tool may take to make a sandbox.
START_S = 30.0
#: A mount of somebody else's that goes while a tool binds what is around it, such as a container's, makes it fail.
STARTS = 3


class SandboxBroken(Exception):
    """A tool made no sandbox; nothing is known of the program."""


class Tool(Protocol):
    """Something that makes sandboxes; `bubblewrap` and `unshare` are modules of this form."""

    def missing(self) -> str:
        """Why it cannot even be tried; "" where it can."""

    def start(self, plan: Plan, info: int) -> subprocess.Popen[bytes]:
        """Start the plan's program up to the gate; the first process's id goes to `info` as `{"child-pid": N}`.

        Raises OSError where the tool itself cannot be started.
        """


#: The best first.
TOOLS: dict[Isolation, Tool] = {"bubblewrap": bubblewrap, "unshare": unshare}


def start(plan: Plan, isolation: Isolation, within_s: float = START_S, tries: int = STARTS) -> LocalProgram:
    """The plan's program, stopped at its gate. Raises SandboxBroken after `tries` of `within_s` seconds each."""
    if isolation == "none":
        popen = unshare.start_on_host(plan)
        return LocalProgram(popen, popen.pid, None, plan.room)
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
    return LocalProgram(popen, program, init, plan.room, small=plan.small is not None)


def _first_process(info: int, deadline: float) -> int | None:
    """The process id that the tool writes as JSON; None where it does not."""
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(info, selectors.EVENT_READ)
        while not text.rstrip().endswith(b"}"):
            if not selector.select(deadline - time.monotonic()) or not (part := os.read(info, 4096)):
                return None
            text += part
    return int(json.loads(text)["child-pid"])


def _stop(init: int, popen: subprocess.Popen[bytes], deadline: float) -> bool:
    """Stop the first process once it has the program; whether that came about.

    A stopped one neither reaps the program nor takes the namespace down before leftover processes are counted.
    """

    def wait_until(done: Callable[[], object]) -> bool:
        while not done():
            if popen.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.0005)
        return True

    # It sleeps once it waits for the program, and not before it has asked to die with its parent.
    if not (wait_until(lambda: proc.children(init)) and wait_until(lambda: proc.sleeps(init))):
        return False
    with suppress(ProcessLookupError):
        os.kill(init, signal.SIGSTOP)
    return wait_until(lambda: proc.is_stopped(init))


def _last_words(popen: subprocess.Popen[bytes]) -> str:
    """What a tool that is ended now has printed. What it has started itself may hold its streams, so not for ever."""
    popen.kill()
    with popen:
        try:
            _, said = popen.communicate(timeout=1)
        except subprocess.TimeoutExpired as held:
            said = held.stderr or b""
    return said.decode(errors="replace").strip()
