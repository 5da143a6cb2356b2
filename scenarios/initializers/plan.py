"""The plan of a call: the program, and everything that it is shown and denied, for whatever starts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarios.initializers.base import ANYBODY, DEST, Call
from scenarios.initializers.rootfs import SCRATCH, SHARED_MEMORY, Rootfs, destinations

#: User and group of KServe's image.
_USER = (1000, 1000)


@dataclass(frozen=True)
class Plan:
    """One call of a program.

    argv         the program's absolute path, and its arguments.
    environment  all of it.
    room         the folder that becomes `/` in a sandbox, and what is shown in it.

    The rest needs a sandbox:

    scratch   path inside -> folder of this machine that is mounted there, writable.
    writable  paths inside that can be written where the rest of the room cannot; None where all of it can.
    small     path inside and bytes of a file system of its own; None for none.
    offline   whether there is no network.
    user      the uid and gid that the program has inside; it has no privileges either way.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    room: Rootfs
    scratch: Mapping[str, Path] = field(default_factory=dict)
    writable: Sequence[str] | None = None
    small: tuple[str, int] | None = None
    offline: bool = False
    user: tuple[int, int] = _USER


def sandboxed(argv: Sequence[str], environment: Mapping[str, str], room: Rootfs, call: Call) -> Plan:
    """The plan of a call in a sandbox."""
    conditions = call.conditions
    scratch = [SHARED_MEMORY] if conditions.confined else SCRATCH
    return Plan(
        argv,
        environment,
        room,
        scratch={path: Path(f"{room.beside}{path}") for path in scratch},
        writable=_writable(room, call) if conditions.confined else None,
        small=None if conditions.space is None else (DEST, conditions.space),
        offline=conditions.offline,
        user=(ANYBODY, 0) if conditions.confined else _USER,
    )


def _writable(room: Rootfs, call: Call) -> list[str]:
    """What a confined call may write: made, so that it can be mounted on itself."""
    paths = [path for path in ("/tmp", *destinations(call)) if path not in room.binds]  # noqa: S108
    for path in paths:
        Path(f"{room.root}{path}").mkdir(parents=True, exist_ok=True)
    return paths
