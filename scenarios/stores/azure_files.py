"""Azure Files: `https://ACCOUNT.file.core.windows.net/SHARE/PATH`. The share is the case.

KServe (since 0.9.0) recognises it by its host name. It takes the account's key from AZURE_STORAGE_ACCESS_KEY, or a SAS
token from the URI's query. It uses the path without decoding it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, get_args
from urllib.parse import quote, urlencode

from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers.azure_files import ACCOUNT, FORBIDDEN, HOST, ZONED_HOST, AzureFilesServer, sas
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.stores.azure import EXPIRY, KEY
from scenarios.stores.base import NOBODY, Access, AccessKind, Tree
from scenarios.stores.standin import StandInStore


class AzureFiles(StandInStore):
    """A file share. `session` and `denied` are SAS tokens in the URI's query (`Access.query`)."""

    name = "azure-files"
    kserve = ">=0.9"
    malformed: ClassVar[Mapping[str, str]] = {"no-share": "https://account.file.core.windows.net/"}
    unsigned_kind: ClassVar[AccessKind] = "session"
    #: KServe keeps a folder's name below the destination (PLACE-001). At the root this bug does not hide others.
    sample_folder = ""
    expiry = EXPIRY
    webhook_variable = KEY
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), AzureFilesServer)

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._key = _new_key()

    def put(self, tree: Tree) -> None:
        for path in tree:
            if not FORBIDDEN.isdisjoint(path.replace("/", "")):
                raise NotOffered(f"azure-files: a share allows no name with the characters of {path!r}")
        super().put(tree)
        self.partition.note(key=self._key)

    def uri(self, path: str = "") -> str:
        return self._at(f"{ACCOUNT}.{HOST}", path)

    def exact_uri(self, path: str) -> str:
        return self.uri(quote(path))

    def served_at(self, file: str) -> str:
        return f"/{self.case}/{file}"

    def uri_in_zone(self, path: str = "") -> str:
        """The same URI at an account with an Azure DNS zone endpoint (KServe since 0.14, PR 3819)."""
        return self._at(f"{ACCOUNT}.z01.{ZONED_HOST}", path)

    def access(self, kind: AccessKind = "valid") -> Access:
        match kind:
            case "valid":
                return self._with_key(self._key)
            case "wrong":
                return self._with_key(_new_key())
            case "none":
                return Access(self.gateway.environment(), self.gateway.mounts)
            case "session":
                return self._with_sas("rl")
            case "denied":
                return self._with_sas("l")
            case "anonymous":
                raise NotOffered("azure-files: the service has no public shares")

    def missing(self) -> str:
        return f"https://{ACCOUNT}.{HOST}/{self.case}-that-is-not-there/model"

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        # Only Azure host names lead to this store, so the proxy refuses the connection.
        return self.uri("model"), self.access().by_proxy(f"http://{address}")

    def _at(self, host: str, path: str) -> str:
        if not {"?", "#"}.isdisjoint(path):
            raise NotOffered(f"azure-files: a URI has {path!r} only in percent-encoding")
        return f"https://{host}/{self.case}" + (f"/{path}" if path else "")

    def _with_key(self, key: str) -> Access:
        environment = {**self.gateway.environment(), KEY: key}
        return Access(environment, self.gateway.mounts, secrets=(key,))

    def _with_sas(self, permissions: str) -> Access:
        token = sas(self._key, permissions)
        return Access(self.gateway.environment(), self.gateway.mounts, secrets=(token["sig"],), query=urlencode(token))


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()
