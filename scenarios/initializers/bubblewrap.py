"""Sandboxes made by bubblewrap (bwrap(1)), an unprivileged tool that most desktops have."""

from __future__ import annotations

import shutil
import subprocess

from scenarios.initializers import process_group
from scenarios.initializers.plan import Plan

_NAMESPACES = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
_SYSTEM = ["--dev", "/dev", "--proc", "/proc", "--die-with-parent", "--new-session", "--chdir", "/"]
# If the user is root outside, bubblewrap leaves the kernel's settings writable.
_SETTINGS = [part for name in ("sys", "irq", "bus") for part in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")]
# The start barrier waits for a line on stdin, so that limits and process IDs are in place before the program's first
# instruction. A killed run never sends the line.
_START_BARRIER = ["/bin/sh", "-c", 'read -r _ || exit; exec env "$@" </dev/null', "sh"]


def missing() -> str:
    """Why bubblewrap cannot be tried; "" if it can."""
    return "" if shutil.which("bwrap") else "not installed"


def start(plan: Plan, info: int) -> subprocess.Popen[bytes]:
    """Start the program up to the start barrier. Writes the first process's ID to the descriptor `info`.

    The format is `{"child-pid": N}`. Raises OSError if bubblewrap is not installed.
    """
    # Shells drop variables such as `HOST-headers`, so `env` sets these after the shell.
    unspeakable = [f"{name}={value}" for name, value in plan.environment.items() if not name.isidentifier()]
    return subprocess.Popen(
        [
            shutil.which("bwrap") or "bwrap",
            *_options(plan),
            "--info-fd",
            str(info),
            "--",
            *_START_BARRIER,
            *unspeakable,
            *plan.argv,
        ],
        env=plan.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[info],
        process_group=process_group.group(),
    )


def _options(plan: Plan) -> list[str]:
    options = ["--bind", str(plan.rootfs.root), "/"]
    for path in plan.writable or ():
        options += ["--bind", f"{plan.rootfs.root}{path}", path]
    for path, source in plan.rootfs.binds.items():
        options += ["--ro-bind", str(source), path]
    if plan.small:
        path, size = plan.small
        options += ["--size", str(size), "--tmpfs", path]
    options += [*_NAMESPACES, *(["--unshare-net"] if plan.offline else []), *_SYSTEM, *_SETTINGS]
    uid, gid = plan.user  # bubblewrap drops all privileges for any user
    for path, source in plan.scratch.items():
        options += ["--bind", str(source), path]
    options += ["--uid", str(uid), "--gid", str(gid)]
    return options if plan.writable is None else [*options, "--remount-ro", "/"]
