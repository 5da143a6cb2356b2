"""Server processes: start them on a free port, wait until they answer, and end them with the run."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.servers import supervisor
from scenarios.servers.base import Server, Unavailable

#: Seconds between two checks of a starting process.
POLL_S = 0.02
#: The number of attempts to start a server. Each uses a new port, in case another process took the last one.
PORT_ATTEMPTS = 5
LAST_LINES = 12
#: The ports that `free_ports` has returned.
_ports_given: set[int] = set()
_ports_lock = threading.Lock()
#: The folders from which server programs import: that of the suite, and those of plugins.
_IMPORTS = [Path(__file__).parents[2]]


@dataclass(frozen=True)
class ServerProcess:
    """A running program below its supervisor. `log` has the output of both streams."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        """Whether the program still runs."""
        return self.popen.poll() is None

    def stop(self) -> None:
        """End the program and its whole process group. Returns when they have ended."""
        if self.popen.stdin:
            self.popen.stdin.close()
        self.popen.wait()

    def last_lines(self) -> str:
        """The end of its log, for messages."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])


@dataclass(frozen=True)
class Started:
    """A server that answers at `url`. `state` is its own folder."""

    server: Server
    process: ServerProcess
    url: str
    state: Path


def import_also(folder: Path) -> None:
    """Let server programs that start from now on import modules from `folder`."""
    if folder not in _IMPORTS:
        _IMPORTS.append(folder)


def launch(argv: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str] | None = None) -> ServerProcess:
    """Run `argv` in `folder` below a supervisor. It inherits only PATH from the user's environment."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(map(str, _IMPORTS)),
        **(environment or {}),
    }
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [sys.executable, "-IS", supervisor.__file__, *argv],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
            start_new_session=True,
        )
    return ServerProcess(popen, log)


def wait_until_ready(name: str, process: ServerProcess, ready: Callable[[], bool], within_s: float) -> None:
    """Wait until `ready()`. If the process dies or takes longer, end it and raise Unavailable with its last lines."""
    deadline = time.monotonic() + within_s
    while process.alive:
        if ready() and process.alive:
            return
        if time.monotonic() > deadline:
            process.stop()
            raise Unavailable(f"{name} did not answer within {within_s:g} s. {_its_log(process)}")
        time.sleep(POLL_S)
    process.stop()
    raise Unavailable(f"{name} ended with status {process.popen.returncode}. {_its_log(process)}")


def start(server: Server, folder: Path) -> Started:
    """Start `server` with its state and its log below `folder`. Raises Unavailable."""
    state = folder / server.name
    state.mkdir(parents=True)
    log = folder / f"{server.name}.log"
    for attempt in range(1, PORT_ATTEMPTS + 1):
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        process = launch(server.command(port, state), log, state, server.environment(state))
        try:
            wait_until_ready(server.name, process, lambda at=url: server.is_ready(at), server.ready_within_s)  # type: ignore[misc]
        except Unavailable:
            if attempt < PORT_ATTEMPTS and not is_free(port):
                continue
            raise
        return Started(server, process, url, state)
    raise AssertionError("the last attempt returns or raises")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that were free a moment ago. This process gets no port twice.

    The kernel may give out a port again before the first server listens. Another server would then answer for it.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            with _ports_lock:
                if port not in _ports_given:
                    _ports_given.add(port)
                    found.append(port)
    return found


def is_free(port: int) -> bool:
    """Whether no process listens on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _its_log(process: ServerProcess) -> str:
    return f"The end of {process.log}:\n{process.last_lines()}"
