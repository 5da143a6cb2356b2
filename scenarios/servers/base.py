"""A server: one program that plays a store, and where it answers once it runs."""

from __future__ import annotations

import importlib.util
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

Fidelity = Literal["real", "emulator", "stand-in"]
Mode = Literal["embedded", "native", "container"]

#: The user's own proxy must not answer for a server.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


#: Names of AWS's own S3 endpoints, which clients use when they are given none.
AWS_HOSTS = (
    "s3.amazonaws.com",
    "*.s3.amazonaws.com",
    "s3.*.amazonaws.com",
    "*.s3.*.amazonaws.com",
    "*.s3-accelerate.amazonaws.com",
)


class Unavailable(Exception):
    """A program cannot run on this machine; the text says what is missing and the remedy."""


@dataclass(frozen=True)
class Endpoint:
    """Where a started server answers. Plain data, so that it crosses to pytest-xdist workers.

    url         what an initializer is told: it leads through the gateway, so every request is logged.
                `http://127.0.0.1:PORT`; the same port also answers `https://` with the suite's certificate.
    direct_url  the server itself, for seeding; not logged.
    state       the server's own folder: a stand-in serves what a store writes there.
    """

    server: str
    version: str
    fidelity: Fidelity
    url: str
    direct_url: str
    state: Path
    log: Path
    extra: Mapping[str, str] = field(default_factory=dict)


def require_packages(*names: str) -> None:
    """Raise Unavailable unless the top-level packages `names` are installed."""
    if absent := [name for name in names if importlib.util.find_spec(name) is None]:
        raise Unavailable(f"{', '.join(absent)} missing: install the suite with its `embedded` extra")


class Server(ABC):
    """A program that plays a store. One module a program; it knows nothing of tests."""

    name: ClassVar[str]
    fidelity: ClassVar[Fidelity]
    #: Host names (or `*.suffix` patterns) under which the gateway offers this server to initializers.
    hosts: ClassVar[Sequence[str]] = ()
    #: Who checks credentials in the gateway for a server that checks none itself: "google", or nobody.
    authority: ClassVar[Literal["", "google"]] = ""
    #: Seconds a started server may take until `is_ready`.
    ready_within_s: ClassVar[float] = 30.0

    def prepare(self) -> None:  # noqa: B027 - many need no preparation
        """Bring the program to this machine's cache. Raises Unavailable with the remedy."""

    @abstractmethod
    def version(self) -> str:
        """The version of the program that runs, for the report."""

    @abstractmethod
    def command(self, port: int, state: Path) -> Sequence[str]:
        """The argument vector that serves on 127.0.0.1:`port` and keeps its data under `state`."""

    def environment(self, state: Path) -> Mapping[str, str]:  # noqa: ARG002 - for those that override it
        """Variables beside PATH, HOME and TMPDIR that the program needs."""
        return {}

    def is_ready(self, url: str) -> bool:
        """Whether the server answers at `url` with any HTTP status."""
        try:
            DIRECT.open(url, timeout=2).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            return False
        return True

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        """Set up what every case shares (an account, a user); what it returns becomes `Endpoint.extra`."""
        return {}
