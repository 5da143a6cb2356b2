"""The process route: one call of a program, in a bubblewrap sandbox where this machine allows one."""

from __future__ import annotations

import json
import logging
import os
import resource
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scenarios.initializers import lifeline, proc
from scenarios.initializers.base import ANYBODY, DEST, Call, Outcome
from scenarios.initializers.cores import a_core
from scenarios.initializers.process import DISK_BYTES, Ended, Finish, Limits, attend
from scenarios.initializers.room import HOME, Room, destinations, furnish, plainly, rewrite, show_parents
from scenarios.initializers.tree import View, listing, strays

#: Seconds that bubblewrap may take.
_START_S = 30.0
#: A mount of somebody else's that goes while it binds what is around it, such as a container's, makes it fail.
_STARTS = 3

_NAMESPACES = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
_USER = ["--uid", "1000", "--gid", "1000"]  # of KServe's image
_ANYBODY = ["--uid", str(ANYBODY), "--gid", "0", "--remount-ro", "/"]  # bubblewrap leaves no privileges to any user
_SYSTEM = ["--dev", "/dev", "--proc", "/proc", "--die-with-parent", "--new-session", "--chdir", "/"]
# Both wait for a line on stdin, so that limits and process ids are in place before the program's first instruction; it
# never comes from a run that was killed.
_GATE = ["/bin/sh", "-c", 'read -r _ || exit; exec env "$@" </dev/null', "sh"]
_PLAIN_GATE = """
import ctypes, os, sys
run, *argv = sys.argv[1:]
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: not even a killed run leaves it behind
if os.getppid() != int(run):  # killed before that took effect
    sys.exit()
os.read(0, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
try:
    os.execv(argv[0], argv)
except OSError as error:
    sys.exit(f"{argv[0]}: {error.strerror}")
"""


class SandboxBroken(Exception):
    """bubblewrap did not start; nothing is known of the program."""


@cache
def isolation() -> str:
    """ "bubblewrap" where it is installed and may make user namespaces, else "none"."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "none"
    probe = subprocess.run(
        [bwrap, "--ro-bind", "/", "/", *_NAMESPACES, *_USER, *_SYSTEM, "true"],
        capture_output=True,
        check=False,
        process_group=lifeline.group(),
    )
    if probe.returncode == 0:
        return "bubblewrap"
    said = probe.stderr.decode(errors="replace").strip()
    logging.getLogger("conformance.setup").info("bubblewrap cannot isolate here, so calls run without it: %s", said)
    return "none"


def run(
    program: Sequence[str], needs: Sequence[Path], call: Call, *, isolated: bool | None = None, disk: int = DISK_BYTES
) -> Outcome:
    """Make one call of `program` (an absolute path and leading arguments).

    needs     files and folders of this machine that it cannot do without, shown to it wherever they lie.
    isolated  by default wherever `isolation` allows.
    disk      bytes that it may write.
    """
    isolated = isolation() == "bubblewrap" if isolated is None else isolated
    room = furnish(call, needs, isolated=isolated)
    places = plainly(call, room)
    environment = {
        "PATH": f"{Path(program[0]).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "LANG": "C.UTF-8",
        **call.environment,
    }
    plain_argv = [*program, *(rewrite(argument, places) for argument in call.argv)]
    plain_environment = {name: rewrite(value, places) for name, value in environment.items()}
    if not isolated:
        plain_environment = {n: show_parents(call, room, value) for n, value in plain_environment.items()}
    with ExitStack() as stack:
        core = stack.enter_context(a_core())
        running = stack.enter_context(
            _start_sandbox(room, [*program, *call.argv], environment, call)
            if isolated
            else _start_plain(room, plain_argv, plain_environment)
        )
        resource.prlimit(running.program, resource.RLIMIT_FSIZE, (disk, disk))
        running.open_gate()
        ended = attend(running, Limits(call.timeout_s, room.root, call.terminate_when, disk, call.kill), core.release)
    reproduce = shlex.join(["env", "-i", *(f"{n}={v}" for n, v in plain_environment.items()), *plain_argv])
    aliases = {} if isolated else {here: path for path, here in places.items()}
    return outcome(call, room, ended, reproduce, aliases)


def outcome(call: Call, room: Room, ended: Ended, reproduce: str, aliases: Mapping[str, str]) -> Outcome:
    """What is observed in the room of a call that is over."""
    modes = listing(room.root)
    view = View(room.root, modes, call.mounts, aliases, hashed=call.hashed)
    observed = destinations(call)
    return Outcome(
        ended=ended.ended,
        exit_code=ended.finish.exit_code,
        stdout=ended.stdout,
        stderr=ended.stderr,
        trees={destination: view.tree(destination, observed) for destination in observed},
        strays=strays(modes, room.known, [*observed, "/tmp"]),  # noqa: S108 - the initializer's own
        survivors=ended.finish.survivors,
        duration_s=ended.duration_s,
        cpu_s=ended.finish.cpu_s,
        peak_memory=ended.peak_memory,
        reproduce=reproduce,
        truncated=ended.truncated,
        ended_after_signal_s=ended.ended_after_signal_s,
        killed=ended.killed,
        began=ended.began,
        waited_s=ended.finish.waited_s,
        peak_disk=ended.peak_disk,
    )


@dataclass
class Process:
    """A program of this machine, stopped at its gate.

    program  its process id.
    init     the first process of its pid namespace; None where it has none of its own.
    room     what a process without a namespace is known by: the folder is in its environment.
    small    whether its destination is a file system of its own, which goes with the namespace.
    """

    popen: subprocess.Popen[bytes]
    program: int
    init: int | None
    room: Room
    small: bool = False

    def __post_init__(self) -> None:
        self.ending = os.pidfd_open(self.program)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, also where the suite itself was interrupted."""
        if self.popen.poll() is None:
            for pid in (self.init or self.program, self.popen.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.close(self.ending)
        self.popen.__exit__(None, None, None)

    def open_gate(self) -> None:
        """Let the program begin."""
        assert self.popen.stdin is not None, "started with a gate"  # noqa: S101
        with suppress(BrokenPipeError):
            self.popen.stdin.write(b"\n")
            self.popen.stdin.close()

    def terminate(self, *, as_first_process: bool) -> None:
        """The kernel drops a signal without handler to the first process of a container; here it is the second."""
        if not as_first_process or proc.handles(self.program, signal.SIGTERM):
            signal.pidfd_send_signal(self.ending, signal.SIGTERM)

    def kill(self) -> None:
        """End the program; `finish` ends the rest."""
        signal.pidfd_send_signal(self.ending, signal.SIGKILL)

    def seen(self) -> int:
        return self.program

    def finish(self, patience_s: float) -> Finish:
        """Read the end off the zombie: its parent was stopped, or is this process, so that nobody has reaped it."""
        exit_code, cpu_s = proc.end_of(self.program)
        waited_s = proc.waited(self.program)
        deadline = time.monotonic() + patience_s
        while (left := self._others()) and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.init is not None:
            if self.small:
                shutil.copytree(f"/proc/{self.init}/root{DEST}", f"{self.room.root}{DEST}", True, dirs_exist_ok=True)
            os.kill(self.init, signal.SIGKILL)  # the kernel ends the rest of the namespace with it
        for other in left:
            with suppress(ProcessLookupError):
                os.kill(other, signal.SIGKILL)
        self.popen.wait()
        return Finish(exit_code, cpu_s, len(left), waited_s)

    def _others(self) -> list[int]:
        if self.init is not None:
            found = proc.descendants(self.init)
        else:
            found = proc.with_environment(f"{self.room.root}{HOME}".encode())
        return [pid for pid in found if pid != self.program and proc.is_alive(pid)]


def _start_sandbox(room: Room, argv: Sequence[str], environment: Mapping[str, str], call: Call) -> Process:
    for _ in range(_STARTS - 1):
        with suppress(SandboxBroken):
            return _started(room, argv, environment, call)
    return _started(room, argv, environment, call)


def _started(room: Room, argv: Sequence[str], environment: Mapping[str, str], call: Call) -> Process:
    binds = [part for path, source in room.binds.items() for part in ("--ro-bind", str(source), path)]
    # Shells drop variables such as `HOST-headers`, so these are set behind it.
    unspeakable = [f"{name}={value}" for name, value in environment.items() if not name.isidentifier()]
    reading, writing = os.pipe()
    binds += [] if call.space is None else ["--size", str(call.space), "--tmpfs", DEST]
    namespaces = [*_NAMESPACES, *(["--unshare-net"] if call.offline else [])]
    holes, user = (_holes(room, call), _ANYBODY) if call.confined else ([], _USER)
    bwrap = [str(shutil.which("bwrap")), "--bind", str(room.root), "/", *holes, *binds, *namespaces, *_SYSTEM, *user]
    with os.fdopen(reading, "rb", buffering=0) as info:
        popen = subprocess.Popen(
            [*bwrap, "--info-fd", str(writing), "--", *_GATE, *unspeakable, *argv],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[writing],
            process_group=lifeline.group(),
        )
        os.close(writing)
        init = _first_process(info.fileno(), popen)
    _wait_until(lambda: proc.children(init), popen)
    (program,) = proc.children(init)
    # It sleeps once it waits for the program, and not before it has asked to die with its parent.
    _wait_until(lambda: proc.sleeps(init), popen)
    # A stopped init neither reaps the program nor takes the namespace down before survivors are counted.
    os.kill(init, signal.SIGSTOP)
    _wait_until(lambda: proc.is_stopped(init), popen)
    return Process(popen, program, init, room, small=call.space is not None)


def _holes(room: Room, call: Call) -> list[str]:
    """What can be written under a root that cannot."""
    writable = [path for path in ("/tmp", *destinations(call)) if path not in room.binds]  # noqa: S108
    for path in writable:
        Path(f"{room.root}{path}").mkdir(parents=True, exist_ok=True)
    return [part for path in writable for part in ("--bind", f"{room.root}{path}", path)]


def _first_process(info: int, popen: subprocess.Popen[bytes]) -> int:
    """The process id that bubblewrap writes as JSON."""
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(info, selectors.EVENT_READ)
        while not text.rstrip().endswith(b"}"):
            if not selector.select(_START_S) or not (part := os.read(info, 4096)):
                raise _broken(popen)
            text += part
    return int(json.loads(text)["child-pid"])


def _wait_until(done: Callable[[], object], popen: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while not done():
        if popen.poll() is not None or time.monotonic() > deadline:
            raise _broken(popen)
        time.sleep(0.0005)


def _broken(popen: subprocess.Popen[bytes]) -> SandboxBroken:
    popen.kill()
    _, said = popen.communicate()
    return SandboxBroken(f"bubblewrap did not start: {said.decode(errors='replace').strip()}")


def _start_plain(room: Room, argv: Sequence[str], environment: Mapping[str, str]) -> Process:
    popen = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PLAIN_GATE, str(os.getpid()), *argv],
        env=environment,
        cwd=room.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return Process(popen, popen.pid, None, room)
