"""Initializers: the program under test, by the way it is run."""

from __future__ import annotations

from scenarios.initializers.base import Initializer, NoInitializer, Wanted
from scenarios.initializers.command import Command
from scenarios.initializers.image import Image
from scenarios.initializers.kserve import KServe
from scenarios.initializers.releases import known_releases, newest

__all__ = ["Initializer", "NoInitializer", "initializer", "known_releases", "newest"]


def initializer(spec: str, wanted: Wanted = "auto") -> Initializer:
    """The initializer that `--initializer SPEC` names, not yet prepared, with calls isolated as `wanted`.

    Raises NoInitializer.
    """
    scheme, colon, rest = spec.partition(":")
    if scheme == "kserve":
        if colon and not rest:
            raise NoInitializer("kserve: names no release; give kserve:VERSION, or kserve for the newest")
        return KServe(rest or newest(), wanted)
    if scheme == "command":
        return Command(rest, wanted)
    if scheme == "image":
        if wanted == "none":
            raise NoInitializer(f"{spec} runs in a container, never without isolation: leave out --isolation none")
        return Image(rest)
    raise NoInitializer(f"{spec!r} is none of kserve:VERSION, command:ARGV and image:REF")
