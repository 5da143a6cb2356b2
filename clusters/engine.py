"""The container engine of this machine: docker or podman, the first that responds."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from clusters.toolchain.cache import cache_root

ANSWER_WITHIN_S = 20
SERVICE_WITHIN_S = 20
#: Environment variables that the client of an engine reads.
_ITS_VARIABLES = (
    *("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINER_HOST"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
#: Runs its arguments when standard input ends, that is, when the process at the other end of the pipe is gone.
_RUN_AT_END = 'cat >/dev/null; exec "$@" >/dev/null 2>&1'
#: Podman's default for both limits.
_USUAL_LIMIT = 1_048_576


class NoEngine(Exception):
    """Neither docker nor podman responds; the message is one line with both errors and the remedy."""


@dataclass(frozen=True)
class Engine:
    """A container engine that responded.

    program      its command line client, as found on PATH.
    environment  the variables that a call needs besides PATH.
    ulimits      options for `run`, needed with any other `--ulimit`: podman then ignores those of its configuration.
    """

    name: Literal["docker", "podman"]
    program: str
    version: str
    environment: Mapping[str, str]
    ulimits: Sequence[str] = ()

    def variables(self) -> dict[str, str]:
        """The whole environment of a program that calls it."""
        return _variables(self.environment)

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """One call of its client; the caller looks at the status."""
        return _call([self.program, *arguments], self.environment, timeout_s)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One call of its client that goes on, in a session of its own; its output comes through pipes."""
        return subprocess.Popen(
            [self.program, *arguments],
            env=_variables(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @contextlib.contextmanager
    def cleanup_watchdog(self, container: str) -> Iterator[None]:
        """Have `container` ended and removed with its volumes when this context or this process is left, even killed.

        It need not exist yet, nor any more.
        """
        at_once = ["--time", "0"] if self.name == "podman" else []
        removal = [self.program, "rm", "--force", *at_once, "--volumes", container]
        with subprocess.Popen(
            ["sh", "-c", _RUN_AT_END, "cleanup-watchdog", *removal],
            env=_variables(self.environment),
            stdin=subprocess.PIPE,
            start_new_session=True,
        ):
            yield

    @contextlib.contextmanager
    def api(self, folder: Path) -> Iterator[str]:
        """The URL of Docker's HTTP API. Podman gets a private service for it, with its socket in `folder`, that ends
        with this context and with the caller's process group. Raises NoEngine.
        """
        if self.name == "docker":
            host = self.run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").stdout.strip()
            yield os.environ.get("DOCKER_HOST") or host
            return
        path = folder / "podman.sock"
        url = f"unix://{path}"
        argv = [self.program, "system", "service", "--time", "0", url]
        with subprocess.Popen(argv, env=_variables(self.environment), stdin=subprocess.DEVNULL) as service:
            try:
                _wait_for(path, service)
                yield url
            finally:
                service.terminate()


@cache
def find_engine() -> Engine:
    """Docker if its daemon answers, else podman. Raises NoEngine."""
    environment = {name: os.environ[name] for name in _ITS_VARIABLES if name in os.environ}
    refusals = []
    for name, version in (("docker", "{{.ServerVersion}}"), ("podman", "{{.Version.Version}}")):
        program = shutil.which(name)
        if not program:
            refusals.append(f"{name} is not on PATH")
            continue
        ulimits = _ulimits() if name == "podman" and os.geteuid() == 0 else []
        ours = {"CONTAINERS_CONF": _configuration(ulimits)} if ulimits and _nobody_configured_podman() else {}
        needed = environment | ours
        try:
            answer = _call([program, "info", "--format", version], needed, ANSWER_WITHIN_S)
        except subprocess.TimeoutExpired:
            refusals.append(f"{name} gave no answer within {ANSWER_WITHIN_S} s")
            continue
        if answer.returncode == 0:
            return Engine("docker" if name == "docker" else "podman", program, answer.stdout.strip(), needed, ulimits)
        refusals.append(f"{name}: {(answer.stderr.strip() or 'no answer').splitlines()[-1]}")
    raise NoEngine(f"no container engine: {'; '.join(refusals)}. Install podman, or start docker")


def _call(argv: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        env=_variables(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), **environment}


def _nobody_configured_podman() -> bool:
    """Whether podman is left to its defaults here."""
    usual = (Path("/etc/containers/containers.conf"), Path.home() / ".config/containers/containers.conf")
    return "CONTAINERS_CONF" not in os.environ and not any(path.exists() for path in usual)


def _ulimits() -> list[str]:
    """The limits that this process has: a root without CAP_SYS_RESOURCE cannot set podman's higher defaults."""
    files, processes = _limit(resource.RLIMIT_NOFILE), _limit(resource.RLIMIT_NPROC)
    return [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]


def _configuration(ulimits: Sequence[str]) -> str:
    """A configuration of the suite's own for podman, where its defaults fail.

    Its runtime crun fails on a hybrid cgroup hierarchy; systemd's cgroups and journal are not on every machine.
    """
    lines = ["[containers]", f"default_ulimits = {json.dumps(ulimits)}", "[engine]"]
    if not Path("/run/systemd/system").exists():
        lines += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists() and shutil.which("runc"):
        lines += ['runtime = "runc"']
    path = cache_root() / "engine" / "containers.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text("\n".join(lines) + "\n")
    new.replace(path)
    return str(path)


def _limit(which: int) -> int:
    hard = resource.getrlimit(which)[1]
    ceiling = int(Path("/proc/sys/kernel/pid_max").read_text()) if which == resource.RLIMIT_NPROC else _USUAL_LIMIT
    return ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)


def _wait_for(path: Path, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SERVICE_WITHIN_S
    while service.poll() is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                time.sleep(0.02)
            else:
                return
    raise NoEngine(f"podman's API service did not answer within {SERVICE_WITHIN_S} s (status {service.poll()})")
