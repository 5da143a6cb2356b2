"""A toy store: `toy://CASE/PATH`, asked of the server at TOY_ENDPOINT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, get_args

from scenarios.servers.toy import ToyServer  # type: ignore[import-untyped]

from scenarios.reasons import NotOffered
from scenarios.servers.base import Mode, Server
from scenarios.stores.base import NO_RELEASE, NOBODY, Access, AccessKind
from scenarios.stores.standin import StandInStore


class Toy(StandInStore):
    """Folders and files that everybody may read."""

    name = "toy"
    kserve = NO_RELEASE
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), ToyServer)

    def uri(self, path: str = "") -> str:
        return f"toy://{self.case}/{path}" if path else f"toy://{self.case}"

    def access(self, kind: AccessKind = "valid") -> Access:
        if kind != "valid":
            raise NotOffered("toy needs no credentials")
        return Access({"TOY_ENDPOINT": self.server.url})

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return self.uri("model"), Access({"TOY_ENDPOINT": f"http://{address}"})
