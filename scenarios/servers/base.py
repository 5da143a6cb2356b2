"""The base class of a server (a program that implements a store), and the address of a running one."""

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

#: Ignores the user's proxy, which must not answer in place of a server.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


#: Host names of AWS's own S3 endpoints. Clients without a configured endpoint use them.
AWS_HOSTS = (
    "s3.amazonaws.com",
    "*.s3.amazonaws.com",
    "s3.*.amazonaws.com",
    "*.s3.*.amazonaws.com",
    "*.s3-accelerate.amazonaws.com",
)


class Unavailable(Exception):
    """A program cannot run on this machine. The text names what is missing and the remedy."""


@dataclass(frozen=True)
class Endpoint:
    """The address of a running server. Plain data: pytest-xdist workers receive a copy.

    url         the URL for initializers. It leads through the gateway, which logs every request.
                `http://127.0.0.1:PORT`; the same port also serves `https://` with the suite's certificate.
    direct_url  the server itself, for uploads by the suite; not logged.
    state       the server's own folder. A stand-in serves the files that a store writes there.
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
    """A program that implements a store. Each program has its own module, which knows nothing of tests."""

    name: ClassVar[str]
    fidelity: ClassVar[Fidelity]
    #: Host names (or `*.suffix` patterns) that the gateway routes to this server.
    hosts: ClassVar[Sequence[str]] = ()
    #: The authority that checks credentials in the gateway, for a server that checks none, or no tokens; "" for none.
    authority: ClassVar[Literal["", "aws", "azure", "google"]] = ""
    #: Whether the gateway injects the faults of a case into this server's responses.
    faults: ClassVar[bool] = True
    #: Seconds until `is_ready` must return True.
    ready_within_s: ClassVar[float] = 30.0

    def prepare(self) -> None:  # noqa: B027 - many need no preparation
        """Install the program in the local cache. Raises Unavailable with the remedy."""

    @abstractmethod
    def version(self) -> str:
        """The version of the program, for the report."""

    @abstractmethod
    def command(self, port: int, state: Path) -> Sequence[str]:
        """The argument vector. The program serves on 127.0.0.1:`port` and keeps its data under `state`."""

    def environment(self, state: Path) -> Mapping[str, str]:  # noqa: ARG002 - for those that override it
        """Variables that the program needs in addition to PATH, HOME and TMPDIR."""
        return {}

    def is_ready(self, url: str) -> bool:
        """Whether the server answers at `url`, with any HTTP status."""
        try:
            DIRECT.open(url, timeout=2).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            return False
        return True

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        """Set up what all cases share, such as an account or a user. Returns `Endpoint.extra`."""
        return {}
