"""Initializers (the program under test), one class per route."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scenarios.initializers.base import Initializer, NoInitializer, Wanted
from scenarios.initializers.command import Command
from scenarios.initializers.image import ImageInitializer
from scenarios.initializers.kserve import KServe
from scenarios.initializers.releases import known_releases, newest

__all__ = ["Initializer", "NoInitializer", "initializer", "known_releases", "newest"]


def initializer(
    spec: str, wanted: Wanted = "auto", *, name: str = "", version: str = "", shown: Sequence[Path] = (), user: str = ""
) -> Initializer:
    """The initializer that `--initializer SPEC` names, not yet prepared. `wanted` sets the isolation of its calls.

    name, version  how reports name it, if it is not KServe's own.
    shown          see `Command`.
    user           see `ImageInitializer`.

    Raises NoInitializer.
    """
    made = _made(spec, wanted, shown, user)
    if name or version:
        if made.name == KServe.name:
            raise NoInitializer(f"{spec} has a name and a version: leave out --initializer-name and -version")
        if name == KServe.name:
            raise NoInitializer(f"--initializer-name {name}: that is KServe's own initializer, give another name")
        made.name, made.version = name or made.name, version
    return made


def _made(spec: str, wanted: Wanted, shown: Sequence[Path], user: str) -> Initializer:
    scheme, colon, rest = spec.partition(":")
    if shown and scheme != "command":
        raise NoInitializer(f"--show is for command:ARGV; {spec} is shown nothing of this machine")
    if user and scheme != "image":
        raise NoInitializer(f"--run-as-user is for image:REF; {spec} runs as user 1000 of its sandbox")
    if scheme == "kserve":
        if colon and not rest:
            raise NoInitializer("kserve: names no release; give kserve:VERSION, or kserve for the newest")
        return KServe(rest or newest(), wanted)
    if scheme == "command":
        return Command(rest, wanted, shown)
    if scheme == "image":
        if wanted == "none":
            raise NoInitializer(f"{spec} runs in a container, never without isolation: leave out --isolation none")
        return ImageInitializer(rest, user)
    raise NoInitializer(f"{spec!r} is none of kserve:VERSION, command:ARGV and image:REF")
