"""The process route: one call of a program, in a sandbox or without one."""

from __future__ import annotations

import resource
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scenarios.initializers.base import Call, Isolation, Outcome
from scenarios.initializers.cores import a_core
from scenarios.initializers.plainly import Places
from scenarios.initializers.plan import Plan, sandboxed
from scenarios.initializers.process import DISK_BYTES, Ended, Limits, attend
from scenarios.initializers.room import HOME, Room, destinations, furnish
from scenarios.initializers.start import start
from scenarios.initializers.tree import View, listing, strays


def run(
    program: Sequence[str], needs: Sequence[Path], call: Call, isolation: Isolation, *, disk: int = DISK_BYTES
) -> Outcome:
    """Make one call of `program` (an absolute path and leading arguments).

    needs  files and folders of this machine that it cannot do without, shown to it wherever they lie.
    disk   bytes that it may write.

    Raises NotOffered for a call that needs a sandbox where `isolation` is "none", SandboxBroken where none comes about.
    """
    isolated = isolation != "none"
    room = furnish(call, needs, isolated=isolated)
    places = Places.of(call, room)
    environment = {
        "PATH": f"{Path(program[0]).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "LANG": "C.UTF-8",
        **call.environment,
    }
    plain_argv = [*program, *map(places.argument, call.argv)]
    if isolated:
        plain_environment = {name: places.rewrite(value) for name, value in environment.items()}
        plan = sandboxed([*program, *call.argv], environment, room, call)
    else:
        places.refuse_unfaithful(call)
        plain_environment = {name: places.variable(value) for name, value in environment.items()}
        plan = Plan(plain_argv, plain_environment, room)
    with a_core(call) as core, start(plan, isolation) as running:
        resource.prlimit(running.program, resource.RLIMIT_FSIZE, (disk, disk))
        running.open_gate()
        ended = attend(running, Limits(call.timeout_s, room.root, call.terminate_when, disk, call.kill), core.release)
    if not isolated:
        ended = replace(ended, stdout=places.restore(ended.stdout), stderr=places.restore(ended.stderr))
    reproduce = shlex.join(["env", "-i", *(f"{n}={v}" for n, v in plain_environment.items()), *plain_argv])
    observed = outcome(call, room, ended, reproduce, {} if isolated else places.aliases)
    return replace(observed, queued_s=core.queued_s)


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
