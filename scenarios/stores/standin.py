"""The base of stores behind the suite's own servers. They write files and tokens directly into the server's state."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers.base import Endpoint
from scenarios.servers.standin import Partition
from scenarios.stores.base import AccessKind, Store, Tree

TokenKind = Literal["reader", "stranger"]


class StandInStore(Store):
    """A store whose server reads local files. Content is public unless `access` restricts it."""

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self.partition = Partition(self.server.state, case)
        self._tokens: dict[TokenKind, str] = {
            "reader": f"reader-{secrets.token_hex(12)}",
            "stranger": f"stranger-{secrets.token_hex(12)}",
        }

    def put(self, tree: Tree) -> None:
        self._write(self.partition.folder, tree)
        self.partition.note()

    def _write(self, folder: Path, tree: Tree) -> None:
        """Write `tree` below `folder` as files and, for paths that end in `/`, empty folders."""
        for path, content in tree.items():
            if not {"", ".", ".."}.isdisjoint(path.removesuffix("/").split("/")):
                raise NotOffered(f"{self.name}: {path!r} has a segment that no folder can hold")
            target = folder / path
            try:
                if path.endswith("/"):
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
                raise NotOffered(f"{self.name}: {path!r} would be a file and a folder at once") from error

    def _token(self, kind: AccessKind) -> str | None:
        """Restrict the content (or, for `anonymous`, publish it). Returns the token of a caller of this kind."""
        self.partition.note(tokens=None if kind == "anonymous" else self._tokens)
        match kind:
            case "valid":
                return self._tokens["reader"]
            case "denied":
                return self._tokens["stranger"]
            case "wrong":
                return f"unknown-{secrets.token_hex(12)}"
            case "none" | "anonymous":
                return None
            case "session":
                raise NotOffered(f"{self.name} has no session tokens")
