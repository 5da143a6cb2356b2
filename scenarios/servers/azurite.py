"""Azurite: Microsoft's emulator of Azure Blob Storage, a Node.js program.

It verifies shared keys and shared access signatures, knows public containers and pages of listings, and answers
azure-storage-blob of every release of KServe. It runs loosely and without checks of versions, because those clients are
of 2022 to today.

The service also does the following; Azurite does not:

- It refuses signed requests without x-ms-version, or of an unknown version. Microsoft's clients always send it. For
  programs that sign requests by themselves, the stand-in for Azure Files notices the omission.
- It refuses headers and parameters that it does not know. Azurite ignores them; a download needs none.
- It accepts tokens of Microsoft Entra. Here a part of the gateway does (`azure_accounts`).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.node import node, npm_package
from scenarios.servers import azure_accounts
from scenarios.servers.base import Server, Unavailable, require_packages

VERSION = "3.37.0"
ACCOUNT = "conformance"
#: Azure's national clouds -> the domain of their blob endpoints.
OTHER_CLOUDS = {"usgov": "blob.core.usgovcloudapi.net", "china": "blob.core.chinacloudapi.cn"}


class Azurite(Server):
    """Azure Blob Storage in every mode. `Endpoint.extra` has `account` and `key`."""

    name = "azurite"
    fidelity = "emulator"
    hosts = (
        "*.blob.core.windows.net",
        "*.blob.storage.azure.net",
        *(f"*.{domain}" for domain in OTHER_CLOUDS.values()),
    )
    authority = "azure"

    def __init__(self) -> None:
        self._key = base64.b64encode(secrets.token_bytes(64)).decode()

    def prepare(self) -> None:
        require_packages("azure")
        _program()

    def version(self) -> str:
        return VERSION

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002 -- it keeps its data in memory
        # Loose and without version checks: the SDKs of KServe's releases range from 2022 to today.
        options = ["--skipApiVersionCheck", "--loose", "--inMemoryPersistence", "--disableTelemetry", "--silent"]
        return [*_program(), "--blobHost", "127.0.0.1", "--blobPort", str(port), *options]

    def environment(self, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        return {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}"}

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        azure_accounts.create(state, ACCOUNT, self._key)
        return {"account": ACCOUNT, "key": self._key}


def _program() -> list[str]:
    try:
        return [str(node()), str(npm_package("azurite", VERSION) / "dist/src/blob/main.js")]
    except ToolFailed as failure:
        raise Unavailable(str(failure)) from failure
