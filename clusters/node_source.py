"""Decide once for each run whether to pull or to assemble the node image; all other images follow this decision."""

from __future__ import annotations

import contextlib
import logging
import re
import subprocess
import threading
from typing import IO, Literal

from clusters.base import NoCluster, Source
from clusters.engine import Engine
from clusters.images import node
from clusters.toolchain.cache import ToolFailed

log = logging.getLogger("conformance.setup")

Choice = Literal["auto", "published", "assembled"]

#: The node image released with kind v0.30.0; `kubernetes.VERSION` explains why it is not a newer one.
PUBLISHED = "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
ANSWER_WITHIN_S = 8
#: Output of docker and podman during a pull, after a registry has sent the manifest.
_ANSWERED = ("Pulling fs layer", "Pulling from", "Getting image source signatures", "Copying ")
PULL_WITHIN_S = 900
IMPORT_WITHIN_S = 600


def assembled_name() -> str:
    """Return the engine's name for the assembled node image of the present recipe."""
    return f"localhost/kserve-conformance/node:{node.digest()}"


def choose(engine: Engine, choice: Choice) -> tuple[Source, str]:
    """Return the source of images, and the reason. Raises NoCluster if the requested source is not available."""
    if choice == "assembled":
        return "assembled", "the option --images asks for assembled images"
    name = _short(engine)
    if engine.run("image", "inspect", name).returncode == 0:
        return "published", f"{engine.name} has {name} already"
    if not (refusal := _pull(engine, name)):
        return "published", f"a registry has {name}"
    if choice == "published":
        raise NoCluster(f"{name} cannot be pulled: {refusal}; check the network, or use --images assembled")
    return "assembled", f"no registry provides {PUBLISHED.partition('@')[0]}: {refusal.rpartition(': ')[2]}"


def have(engine: Engine, source: Source) -> str:
    """Make the node image available in the engine, and return its name. Raises NoCluster."""
    if source == "published":
        return PUBLISHED
    name = assembled_name()
    if engine.run("image", "inspect", name).returncode != 0:
        try:
            archive = node.node_image()
        except ToolFailed as failure:
            raise NoCluster(str(failure)) from failure
        changes = [part for change in node.CHANGES for part in ("--change", change)]
        if refusal := _call(engine, ["import", *changes, str(archive), name], IMPORT_WITHIN_S):
            raise NoCluster(f"{engine.name} cannot import {archive}: {refusal}; check its free disk space")
    return name


def _short(engine: Engine) -> str:
    """Return the published image's name in the form that the engine accepts: podman rejects a tag with a digest."""
    return re.sub(r":[^@]+@", "@", PUBLISHED) if engine.name == "podman" else PUBLISHED


def _pull(engine: Engine, name: str) -> str:
    """Pull `name`. Return "" if it is there now, else one line with the reason."""
    # With an explicit transport, podman does not ask which registry a short name refers to.
    pulling = engine.start("pull", f"docker://{name}" if engine.name == "podman" else name)
    answered = threading.Event()
    last = ""

    def read(stream: IO[bytes]) -> None:
        nonlocal last
        for line in stream:
            last = line.decode(errors="replace").strip() or last
            if any(word in last for word in _ANSWERED):
                answered.set()

    readers = [threading.Thread(target=read, args=(stream,)) for stream in (pulling.stdout, pulling.stderr) if stream]
    with pulling:
        for reader in readers:
            reader.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            pulling.wait(timeout=ANSWER_WITHIN_S)
        if pulling.poll() is None and answered.is_set():
            log.info("%s: pulling", name)
            with contextlib.suppress(subprocess.TimeoutExpired):
                pulling.wait(timeout=PULL_WITHIN_S)
        late = pulling.poll() is None
        pulling.kill()
        for reader in readers:
            reader.join()
    return f"no answer in time ({last or 'nothing said'})" if late else last if pulling.returncode else ""


def _call(engine: Engine, arguments: list[str], timeout_s: float) -> str:
    """Call the engine. Return "" on success, else one line with the reason."""
    try:
        done = engine.run(*arguments, timeout_s=timeout_s)
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:.0f} s"
    return "" if done.returncode == 0 else (done.stderr.strip() or "no reason given").splitlines()[-1]
