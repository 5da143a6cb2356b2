"""gcp-storage-emulator: an emulator of Google Cloud Storage in Python."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scenarios.servers import google_accounts
from scenarios.servers.base import Server, require_packages


class GCPStorageEmulator(Server):
    """GCS in `--servers embedded`.

    It checks no credentials. The gateway does, as a stand-in for Google's authority.
    """

    name = "gcp-storage-emulator"
    fidelity = "emulator"
    hosts = google_accounts.HOSTS
    authority = "google"

    def prepare(self) -> None:
        require_packages("cryptography", "gcp_storage_emulator")

    def version(self) -> str:
        return importlib.metadata.version("gcp-storage-emulator")

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002 -- it keeps its data in memory
        return [sys.executable, "-m", "scenarios.servers.gcp_storage_app", str(port)]

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        return google_accounts.create(state)
