"""The process route: run one call of a program, in a sandbox or without one."""

from __future__ import annotations

import resource
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scenarios.initializers.base import NEEDS_SANDBOX, Call, CallResult, Entry, Isolation
from scenarios.initializers.cores import a_core
from scenarios.initializers.host_paths import HostPaths
from scenarios.initializers.plan import Plan, sandboxed
from scenarios.initializers.process import EndedCall, Limits, supervise
from scenarios.initializers.rootfs import HOME, Rootfs, destinations, prepare_rootfs, surroundings
from scenarios.initializers.start import start
from scenarios.initializers.tree import View, changed, listing, unexpected_writes


def unsupported(call: Call, isolation: Isolation) -> str:
    """Why this isolation does not support a call; "" if it does."""
    return NEEDS_SANDBOX if isolation == "none" and call.conditions.need_sandbox else ""


def run(program: Sequence[str], needs: Sequence[Path], call: Call, isolation: Isolation) -> CallResult:
    """Run one call of `program` (an absolute path and leading arguments).

    needs  local files and folders that the program requires. It sees them wherever they are.

    Raises NotOffered for a call that needs a sandbox if `isolation` is "none", SandboxBroken if the sandbox fails.
    """
    isolated = isolation != "none"
    rootfs = prepare_rootfs(call, needs, isolated=isolated)
    places = HostPaths.of(call, rootfs)
    environment = {
        "PATH": f"{Path(program[0]).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "LANG": "C.UTF-8",
        **call.environment,
    }
    plain_argv = [*program, *map(places.argument, call.argv)]
    if isolated:
        plain_environment = {name: places.rewrite(value) for name, value in environment.items()}
        plan = sandboxed([*program, *call.argv], environment, rootfs, call)
    else:
        places.refuse_unfaithful(call)
        plain_environment = {name: places.variable(value) for name, value in environment.items()}
        plan = Plan(plain_argv, plain_environment, rootfs)
    aliases = {} if isolated else places.aliases
    with a_core(call) as core, start(plan, isolation) as running:
        resource.prlimit(running.program, resource.RLIMIT_FSIZE, (call.conditions.disk,) * 2)
        before = surroundings(rootfs)
        running.release()
        ended = supervise(running, Limits.of(call), lambda: observe(call, rootfs, before, aliases), core.release)
    if not isolated:
        ended = replace(ended, stdout=places.restore(ended.stdout), stderr=places.restore(ended.stderr))
    reproduce = shlex.join(["env", "-i", *(f"{n}={v}" for n, v in plain_environment.items()), *plain_argv])
    return replace(outcome(ended, reproduce), queued_s=core.queued_s)


@dataclass(frozen=True)
class Left:
    """The files in a call's root file system at its end. See `CallResult` for the fields."""

    trees: Mapping[str, Mapping[str, Entry]]
    modes: Mapping[str, int]
    unexpected_writes: Sequence[str]


def observe(call: Call, rootfs: Rootfs, before: Mapping[str, int], aliases: Mapping[str, str]) -> Left:
    """Inspect the root file system.

    before   the result of `surroundings` when the program began.
    aliases  host path -> path inside, for calls that received host paths.
    """
    now = surroundings(rootfs)
    modes = listing(rootfs.root) | listing(rootfs.beside)
    view = View(rootfs.root, modes, call.mounts, aliases, hashed=call.conditions.hashed)
    observed = destinations(call)
    allowed = [*observed, "/tmp"]  # noqa: S108 - the initializer's own
    return Left(
        trees={destination: view.tree(destination, observed) for destination in observed},
        modes={destination: stat.S_IMODE(modes[destination]) for destination in observed if destination in modes},
        unexpected_writes=[
            *unexpected_writes(modes, rootfs.known, allowed),
            *(f"{path}/ (made and removed)" for path in changed(before, now, modes, rootfs.known, allowed)),
        ],
    )


def outcome(ended: EndedCall[Left], reproduce: str) -> CallResult:
    """The result of a call that has ended."""
    return CallResult(
        ended=ended.ended,
        exit_code=ended.finish.exit_code,
        stdout=ended.stdout,
        stderr=ended.stderr,
        trees=ended.observed.trees,
        modes=ended.observed.modes,
        unexpected_writes=ended.observed.unexpected_writes,
        leftover_processes=ended.finish.leftover_processes,
        duration_s=ended.duration_s,
        cpu_s=ended.finish.cpu_s,
        peak_memory=ended.peak_memory,
        reproduce=reproduce,
        truncated=ended.truncated,
        ended_after_signal_s=ended.ended_after_signal_s,
        delivered=ended.delivered,
        killed=ended.killed,
        began=ended.began,
        waited_s=ended.finish.waited_s,
        peak_disk=ended.peak_disk,
        found=ended.found,
    )
