"""Start programs with `launcher.py`, in namespaces that it creates (unshare(2)), or without any.

This needs no installation. Without bubblewrap, Python calls the kernel.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

from scenarios.initializers import launcher, process_group
from scenarios.initializers.plan import Plan


def missing() -> str:
    """Why it cannot be tried; "" if it can."""
    return ""


def start(plan: Plan, info: int) -> subprocess.Popen[bytes]:
    """Start the program in a sandbox, up to the start barrier. See `start.Tool` for `info`."""
    namespaces: launcher.Namespaces = {
        "root": str(plan.rootfs.root),
        "binds": {path: str(source) for path, source in plan.rootfs.binds.items()},
        "scratch": {path: str(source) for path, source in plan.scratch.items()},
        "holes": None if plan.writable is None else list(plan.writable),
        "small": plan.small,
        "offline": plan.offline,
        "user": plan.user,
        "info": info,
    }
    return _launch(plan, namespaces, [info])


def start_on_host(plan: Plan) -> subprocess.Popen[bytes]:
    """Start the program on the host, in the folder of its root file system, up to the start barrier."""
    return _launch(plan, None, [])


def _launch(plan: Plan, namespaces: launcher.Namespaces | None, passed: list[int]) -> subprocess.Popen[bytes]:
    launch: launcher.Launch = {
        "argv": [os.fsencode(argument) for argument in plan.argv],
        "environment": {os.fsencode(name): os.fsencode(value) for name, value in plan.environment.items()},
        "parent": os.getpid(),
        "namespaces": namespaces,
    }
    descriptor = os.memfd_create("launch")
    with os.fdopen(descriptor, "wb") as stream:
        marshal.dump(dict(launch), stream)
        stream.flush()
        os.lseek(descriptor, 0, os.SEEK_SET)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(launcher.__file__)), str(descriptor)],
            env={},
            cwd=None if namespaces else plan.rootfs.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[descriptor, *passed],
            process_group=process_group.group() if namespaces else None,
            start_new_session=namespaces is None,
        )
