"""An initializer that is a container image with the contract: `image:REF`. Podman or docker runs it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from clusters.engine import Engine, NoEngine, find_engine
from scenarios.initializers import proc
from scenarios.initializers.base import ANYBODY, DEST, Call, CallResult, Initializer, NoInitializer
from scenarios.initializers.command import refuse_if_not_started
from scenarios.initializers.cores import a_core
from scenarios.initializers.process import Finish, Limits, supervise
from scenarios.initializers.rootfs import Rootfs, destinations, prepare_rootfs
from scenarios.initializers.sandbox import observe, outcome
from scenarios.reasons import NotOffered

PULL_WITHIN_S = 600
#: The exit status of podman-run(1) and `docker run` for a failure of the engine itself.
_ENGINE_FAILED = 125
#: Paths that the engines themselves write in a container.
_ENGINES_OWN = ("/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv")
_ENGINES_OWN_RUN = ("/run/.containerenv", "/run/secrets")


class EngineFailed(Exception):
    """Podman or docker could not run a container. This says nothing about the image."""


class ImageInitializer(Initializer):
    """`image:REF`. The engine pulls the image only if it does not have it.

    user  the `UID` or `UID:GID` to run as, like `runAsUser` of a pod; "" for the image's own user.
    """

    route = "container"
    isolation = "container"
    version = ""

    def __init__(self, reference: str, user: str = "") -> None:
        if not reference or reference.startswith("-"):
            raise NoInitializer(f"image:{reference} names no image; use image:REF")
        self.spec = f"image:{reference}"
        self.name = PurePosixPath(reference.partition("@")[0]).name.partition(":")[0]
        self.digest = ""
        self._reference = reference
        self._engine: Engine | None = None
        self._working_directory = ""
        if user and not re.fullmatch(r"\d+(:\d+)?", user):
            raise NoInitializer(f"--run-as-user {user}: use UID or UID:GID, as numbers")
        self._user = user

    def prepare(self) -> None:
        """Find an engine, pull the image if it is missing, and call it once without arguments."""
        try:
            self._engine = find_engine()
        except NoEngine as reason:
            raise NoInitializer(f"{self.spec}: {reason}") from reason
        if self._engine.run("image", "inspect", self._reference).returncode:
            pulled = self._engine.run("pull", "--quiet", self._reference, timeout_s=PULL_WITHIN_S)
            if pulled.returncode:
                said = pulled.stderr.strip().splitlines()[-1:] or ["no output"]
                raise NoInitializer(f"{self.spec}: {self._engine.name} does not have it and cannot pull it: {said[0]}")
        (described,) = json.loads(self._engine.run("image", "inspect", self._reference).stdout)
        self.digest = _digest(described)
        self._user = self._user or described["Config"].get("User") or "0"
        self._working_directory = described["Config"].get("WorkingDir") or ""
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            try:
                refuse_if_not_started(self.spec, self.call(Call([], Path(folder))))
            except EngineFailed as failure:
                raise NoInitializer(f"{self.spec} cannot start: {failure}") from failure

    def run(self, call: Call) -> CallResult:
        """Run it once in a new container, which is removed afterwards."""
        assert self._engine, "prepared"  # noqa: S101
        rootfs = prepare_rootfs(call, (), isolated=False)
        name = f"kserve-conformance-{uuid.uuid4().hex}"
        options = self._options(self._engine, call, rootfs)
        _open(rootfs.root)
        argv = ["run", "--name", name, *options, self._reference, *call.argv]
        with self._engine.cleanup_watchdog(name):
            small = call.conditions.space is not None
            with a_core(call) as core, _Container(self._engine, name, argv, rootfs, small=small) as container:
                ended = supervise(container, Limits.of(call), lambda: observe(call, rootfs, {}, {}), core.release)
            if container.popen.returncode == _ENGINE_FAILED:
                raise EngineFailed((ended.stderr.strip().splitlines()[-1:] or ["exit code 125"])[0])
            changed = self._engine.run("diff", name).stdout
        reproduce = shlex.join([self._engine.program, "run", "--rm", *options, self._reference, *call.argv])
        observed = outcome(ended, reproduce)
        unexpected_writes = _unexpected_writes(changed, call, self._working_directory)
        return replace(
            observed,
            unexpected_writes=sorted([*observed.unexpected_writes, *unexpected_writes]),
            queued_s=core.queued_s,
        )

    def _options(self, engine: Engine, call: Call, rootfs: Rootfs) -> list[str]:
        network = "none" if call.conditions.offline else "host"
        options = [f"--network={network}", f"--ulimit=fsize={call.conditions.disk}"]
        options += _as_user(engine, f"{ANYBODY}:0" if call.conditions.confined else self._user)
        options += [f"--ulimit={limit}" for limit in engine.ulimits]
        options += ["--security-opt=label=disable", "--pull=never"]
        if call.conditions.confined:
            options += ["--read-only", "--tmpfs=/tmp:mode=1777", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
            options += ["--read-only-tmpfs=false"] if engine.name == "podman" else []
        if engine.name == "podman":
            # Without these, podman passes on the host's proxies and adds the user to /etc/passwd. No cluster does.
            options += ["--http-proxy=false", "--passwd=false"]
        for folder in dict.fromkeys(["/mnt", *(path for path in destinations(call) if not path.startswith("/mnt/"))]):
            Path(f"{rootfs.root}{folder}").mkdir(parents=True, exist_ok=True)
            options.append(f"--volume={rootfs.root}{folder}:{folder}")
        if call.conditions.space is not None:
            Path(f"{rootfs.root}{DEST}").chmod(0o777)  # runc gives the small disk the mode of the folder it covers
            options.append(f"--tmpfs={DEST}:size={call.conditions.space},mode=0777")
        options += [f"--volume={source.resolve()}:{target}:ro" for target, source in call.mounts.items()]
        return options + [f"--env={name}={value}" for name, value in call.environment.items()]


class _Container:
    """A container in the foreground. See `RunningProgram`.

    small  whether its destination is a separate file system, which disappears with the container.
    """

    def __init__(self, engine: Engine, name: str, arguments: Sequence[str], rootfs: Rootfs, *, small: bool) -> None:
        self._engine = engine
        self._name = name
        self._room = rootfs
        self._small = small
        self._destination: int | None = None
        self._program: int | None = None
        self.popen = engine.start(*arguments)
        self.ending = os.pidfd_open(self.popen.pid)

    def __enter__(self) -> _Container:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.kill()
        os.close(self.ending)
        if self._destination is not None:
            os.close(self._destination)
        self.popen.__exit__(None, None, None)

    def terminate(self, *, as_first_process: bool) -> bool:  # noqa: ARG002 - it is the first process
        self._signal("TERM")
        pid = self.seen()
        return not pid or proc.handles(pid, signal.SIGTERM)

    def kill(self) -> None:
        self._signal("KILL")

    def halt(self) -> None:
        """Nothing to stop: the kernel has ended all other processes with the first one."""
        if self._small and self.popen.wait() != _ENGINE_FAILED:
            if self._destination is None:
                raise NotOffered(
                    "the suite could not read the small disk: the call ended at once, or the engine is remote"
                )
            shutil.copytree(f"/proc/self/fd/{self._destination}", f"{self._room.root}{DEST}", True, dirs_exist_ok=True)

    def finish(self, patience_s: float) -> Finish:  # noqa: ARG002 - nobody is left
        code = self.popen.wait()
        return Finish(128 - code if 128 < code < 160 else code)

    def seen(self) -> int:
        if self._program is None:  # a call of the engine is slow, so stop once the ID is known
            said = self._engine.run("inspect", "--format", "{{.State.Pid}}", self._name).stdout.strip()
            pid = int(said) if said.isdecimal() else 0
            if pid:
                self._program = pid if _sees(pid, self._room) else 0
            if self._program and self._small:
                with suppress(OSError):  # it has just ended
                    # An open descriptor keeps the destination after the container's end.
                    self._destination = os.open(f"/proc/{pid}/root{DEST}", os.O_RDONLY | os.O_DIRECTORY)
        return self._program or 0

    def _signal(self, name: str) -> None:
        self._engine.run("kill", "--signal", name, self._name)


def _sees(pid: int, rootfs: Rootfs) -> bool:
    """Whether a process has the call's root file system mounted as a container has it."""
    try:
        return Path(f"/proc/{pid}/root/mnt").samefile(rootfs.root / "mnt")
    except OSError:
        return False


def _as_user(engine: Engine, user: str) -> list[str]:
    """Options that run a container as `user` and keep its files readable and removable here.

    If this process is not root, the files must belong to its own user. If `user` is a number, podman maps this
    process's user to it in the container. Otherwise the container runs as this process's user.
    """
    if os.getuid() == 0:
        return [f"--user={user}"]
    uid, _, gid = user.partition(":")
    if engine.name == "podman" and uid.isdecimal() and (gid or "0").isdecimal():
        return [f"--user={user}", *([] if uid == "0" else [f"--userns=keep-id:uid={uid},gid={gid or uid}"])]
    return [f"--user={os.getuid()}:{os.getgid()}", *(["--userns=keep-id"] if engine.name == "podman" else [])]


def _open(root: Path) -> None:
    """Let any user write to everything in `root`, as to a pod's volume (emptyDir)."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)


def _digest(described: Mapping[str, Any]) -> str:
    """The manifest digest that pins the image; the image's ID if it comes from no registry."""
    pinned = [reference.partition("@")[2] for reference in described.get("RepoDigests") or []]
    return next(iter(pinned), None) or described.get("Digest") or f"sha256:{described['Id'].removeprefix('sha256:')}"


def _unexpected_writes(changed: str, call: Call, working_directory: str) -> list[str]:
    """The paths in the output of `diff`, without those of the engine, /tmp, mounts and the folders above them.

    An engine creates the image's working directory if the image lacks it.
    """
    made = f"A {working_directory}"
    written = [line[2:] for line in changed.splitlines() if line[:2] in {"A ", "C "} and line != made]
    shown = (*_ENGINES_OWN, *_ENGINES_OWN_RUN, "/tmp", "/mnt", *call.mounts, *destinations(call))  # noqa: S108
    return [
        path
        for path in written
        if not any(path == s or path.startswith(f"{s}/") or s.startswith(f"{path}/") for s in shown)
        and not any(other.startswith(f"{path}/") for other in written)
    ]
