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
            raise NoInitializer(f"{spec} has a name and a version; remove --initializer-name and -version")
        if name == KServe.name:
            raise NoInitializer(f"--initializer-name {name}: this name is KServe's own; use another name")
        made.name, made.version = name or made.name, version
    return made


def _made(spec: str, wanted: Wanted, shown: Sequence[Path], user: str) -> Initializer:
    scheme, colon, rest = spec.partition(":")
    if shown and scheme != "command":
        raise NoInitializer(f"--show works only with command:ARGV; the suite shows {spec} no files of this machine")
    if user and scheme != "image":
        raise NoInitializer(f"--run-as-user works only with image:REF; {spec} runs as user 1000 of its sandbox")
    if scheme == "kserve":
        if colon and not rest:
            raise NoInitializer(
                "kserve: names no release; use kserve:VERSION, kserve:PATH for a checkout, or kserve for the newest"
            )
        return KServe(rest or newest(), wanted)
    if scheme == "command":
        return Command(rest, wanted, shown)
    if scheme == "image":
        if wanted == "none":
            raise NoInitializer(f"{spec} always runs in a container; remove --isolation none")
        return ImageInitializer(rest, user)
    raise NoInitializer(f"{spec!r} names no initializer; use kserve:VERSION, kserve:PATH, command:ARGV or image:REF")
