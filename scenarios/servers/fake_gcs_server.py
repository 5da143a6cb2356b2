"""fake-gcs-server: an emulator of Google Cloud Storage, built from its Go module.

It answers the JSON API with pages, ranges and generations as Google does, and checks no credentials. A part of the
gateway does (`google_accounts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_binary
from scenarios.servers import google_accounts
from scenarios.servers.base import Server, Unavailable, require_packages

VERSION = "v1.56.1"


class FakeGCSServer(Server):
    """GCS in `--servers native`.

    It checks no credentials. The gateway does, as a stand-in for Google's authority.
    """

    name = "fake-gcs-server"
    fidelity = "emulator"
    hosts = google_accounts.HOSTS
    authority = "google"

    def prepare(self) -> None:
        require_packages("cryptography")
        _program()

    def version(self) -> str:
        return VERSION

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002 -- it keeps its data in memory
        listen = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
        return [str(_program()), *listen, "-backend", "memory", "-external-url", "https://storage.googleapis.com"]

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        return google_accounts.create(state)


def _program() -> Path:
    try:
        return go_binary("github.com/fsouza/fake-gcs-server", VERSION, "fake-gcs-server")
    except ToolFailed as failure:
        raise Unavailable(str(failure)) from failure
