"""The releases of KServe that the suite can install, read from releases.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

How = Literal["manifests", "helm"]
WAYS: tuple[How, ...] = ("manifests", "helm")


class NoKServe(Exception):
    """KServe cannot be installed or removed as requested; the message is one line with the reason and the remedy."""


@dataclass(frozen=True)
class Release:
    """One entry of releases.yaml."""

    release: str
    manifests: Sequence[str]
    mode: str

    @property
    def tag(self) -> str:
        """Its version in the Go module and in images."""
        return f"v{self.release}"


@cache
def releases() -> dict[str, Release]:
    """Every release that can be installed, oldest first."""
    entries = yaml.load(files(__package__).joinpath("releases.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return {entry["release"]: Release(**entry) for entry in entries}


def installable() -> list[str]:
    """Every release that can be installed, oldest first."""
    return list(releases())


def newest_installable() -> str:
    """The newest of them."""
    return installable()[-1]


def find(release: str) -> Release:
    """The entry of `release`. Raises NoKServe, which names those that exist."""
    try:
        return releases()[release.removeprefix("v")]
    except KeyError:
        raise NoKServe(f"no way to install KServe {release}: choose one of {', '.join(installable())}") from None
