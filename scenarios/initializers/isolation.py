"""Find out which sandbox tool works on this machine by running it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from scenarios.initializers.base import ALLOW, DEST, Call, Conditions, Isolation, NoInitializer, Wanted
from scenarios.initializers.plan import sandboxed
from scenarios.initializers.process import Limits, supervise
from scenarios.initializers.rootfs import prepare_rootfs
from scenarios.initializers.start import TOOLS, SandboxBroken, start

#: Seconds within which a tool must prove that it works.
PROBE_S = 15.0
SETTINGS = Path("/proc/sys")
#: Kernel settings that deny user namespaces to ordinary users: name, the denying value, the allowing value.
_SWITCHES = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "15000"),
)


def choose(wanted: Wanted) -> Isolation:
    """The isolation of calls: the best tool that works here, or "none".

    Raises NoInitializer, in one line with the remedy, if a sandbox is required and no tool works.
    """
    if wanted == "none":
        return "none"
    flaws = {}
    for name in TOOLS:
        flaws[name] = flaw(name)
        if not flaws[name]:
            return name
    why = "; ".join(f"{name}: {text}" for name, text in flaws.items())
    remedy = "; ".join([ALLOW, *(f"as root: sysctl -w {name}={value}" for name, value in _denied())])
    if wanted == "sandbox":
        raise NoInitializer(f"--isolation sandbox: no sandbox works here ({why}): {remedy}")
    logging.getLogger("conformance.setup").info("calls run without a sandbox (%s): %s", why, remedy)
    return "none"


def flaw(name: Isolation) -> str:
    """Why a tool cannot isolate calls here, in one line; "" if it can.

    It runs a probe call with all the features that a call may use, and checks the files that the program writes.
    """
    if missing := TOOLS[name].missing():
        return missing
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        call = Call([("x://y", DEST)], Path(folder), conditions=Conditions(space=1 << 20, offline=True, confined=True))
        rootfs = prepare_rootfs(call, [], isolated=True)
        plan = sandboxed(["/bin/sh", "-c", f"echo >{DEST}/probe"], {}, rootfs, call)
        try:
            with start(plan, name, within_s=PROBE_S, tries=1) as running:
                running.release()
                ended = supervise(running, Limits(PROBE_S, rootfs.root), lambda: None)
        except SandboxBroken as broken:
            return str(broken).removeprefix(f"{name} did not start: ").splitlines()[-1]
        written = Path(f"{rootfs.root}{DEST}/probe").exists()
    said = ended.stderr.strip().splitlines()[-1:] or ["no output"]
    return "" if written else f"a program in it ends with exit code {ended.finish.exit_code}, {said[0]}"


def _denied() -> list[tuple[str, str]]:
    """The settings that deny user namespaces here, with the values that allow them."""
    found = []
    for name, denies, allows in _SWITCHES:
        path = SETTINGS.joinpath(*name.split(".", 1))
        if path.exists() and path.read_text().strip() == denies:
            found.append((name, allows))
    return found
