"""The plan of a call: the program, its mounts and its restrictions, independent of the sandbox tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.initializers.base import ANYBODY, DEST, Call
from scenarios.initializers.rootfs import SCRATCH, SHARED_MEMORY, Rootfs, destinations

#: The user and group ID of KServe's image.
_USER = (1000, 1000)


@dataclass(frozen=True)
class Plan:
    """One call of a program.

    argv         the program's absolute path, and its arguments.
    environment  the complete environment.
    room         the root file system of the call.

    The other fields need a sandbox:

    scratch   path inside -> host folder mounted there, writable.
    writable  the only writable paths inside; None if the whole root file system is writable.
    small     (path inside, bytes) of a file system of limited size; None for none.
    offline   whether the program has no network.
    user      the program's UID and GID inside. It has no privileges in any case.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    rootfs: Rootfs
    scratch: Mapping[str, Path] = field(default_factory=dict)
    writable: Sequence[str] | None = None
    small: tuple[str, int] | None = None
    offline: bool = False
    user: tuple[int, int] = _USER


def sandboxed(argv: Sequence[str], environment: Mapping[str, str], rootfs: Rootfs, call: Call) -> Plan:
    """The plan of a call in a sandbox."""
    conditions = call.conditions
    scratch = [SHARED_MEMORY] if conditions.confined else SCRATCH
    return Plan(
        argv,
        environment,
        rootfs,
        scratch={path: Path(f"{rootfs.beside}{path}") for path in scratch},
        writable=_writable(rootfs, call) if conditions.confined else None,
        small=None if conditions.space is None else (DEST, conditions.space),
        offline=conditions.offline,
        user=(ANYBODY, 0) if conditions.confined else _USER,
    )


def _writable(rootfs: Rootfs, call: Call) -> list[str]:
    """The writable paths of a confined call. Creates them, so that each can be mounted on itself."""
    paths = [path for path in ("/tmp", *destinations(call)) if path not in rootfs.binds]  # noqa: S108
    for path in paths:
        Path(f"{rootfs.root}{path}").mkdir(parents=True, exist_ok=True)
    return paths
