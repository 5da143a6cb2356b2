"""The container engine of this machine: docker or podman, whichever really answers."""

from __future__ import annotations

import contextlib
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
#: What an engine's own client reads from the user's environment.
_ITS_VARIABLES = (
    *("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINER_HOST"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
#: Podman's own default for both limits.
_USUAL_LIMIT = 1_048_576


class NoEngine(Exception):
    """Neither docker nor podman answers; one line with what each said, and the remedy."""


@dataclass(frozen=True)
class Engine:
    """An engine that answered.

    program      its command line client, as found on PATH.
    environment  what a call of it needs beside PATH.
    """

    name: Literal["docker", "podman"]
    program: str
    version: str
    environment: Mapping[str, str]

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """One call of its client; the caller looks at the status."""
        return _call([self.program, *arguments], self.environment, timeout_s)

    def removal(self, container: str) -> Sequence[str]:
        """The command that ends `container` at once and removes it with its volumes."""
        at_once = ["--time", "0"] if self.name == "podman" else []
        return [self.program, "rm", "--force", *at_once, "--volumes", container]

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
        with subprocess.Popen(argv, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL) as service:
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
        needed = environment | (_podman_configuration() if name == "podman" else {})
        try:
            answer = _call([program, "info", "--format", version], needed, ANSWER_WITHIN_S)
        except subprocess.TimeoutExpired:
            refusals.append(f"{name} gave no answer within {ANSWER_WITHIN_S} s")
            continue
        if answer.returncode == 0:
            return Engine("docker" if name == "docker" else "podman", program, answer.stdout.strip(), needed)
        refusals.append(f"{name}: {(answer.stderr.strip() or 'no answer').splitlines()[-1]}")
    raise NoEngine(f"no container engine: {'; '.join(refusals)}. Install podman, or start docker")


def _call(argv: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ.get("PATH", os.defpath), **environment}
    return subprocess.run(
        argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def _podman_configuration() -> dict[str, str]:
    """A configuration of the suite's own for root's podman where nobody has made one.

    Podman's defaults fail for a root without CAP_SYS_RESOURCE ("error setting rlimit type 7") and its runtime crun on
    a hybrid cgroup hierarchy; systemd's cgroups and journal are not there on every machine.
    """
    configured = (Path("/etc/containers/containers.conf"), Path.home() / ".config/containers/containers.conf")
    if os.geteuid() != 0 or "CONTAINERS_CONF" in os.environ or any(path.exists() for path in configured):
        return {}
    files, processes = _limit(resource.RLIMIT_NOFILE), _limit(resource.RLIMIT_NPROC)
    ulimits = f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]'
    lines = ["[containers]", ulimits, "[engine]"]
    if not Path("/run/systemd/system").exists():
        lines += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists() and shutil.which("runc"):
        lines += ['runtime = "runc"']
    path = cache_root() / "engine" / "containers.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text("\n".join(lines) + "\n")
    new.replace(path)
    return {"CONTAINERS_CONF": str(path)}


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
