"""The servers of `--servers container`: the same programs as in other modes, from the images of their projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clusters.engine import find_engine
from scenarios.servers.base import require_packages
from scenarios.servers.container import FromImage, ServerImage
from scenarios.servers.fake_gcs_server import FakeGCSServer
from scenarios.servers.minio import MinIO
from scenarios.servers.oci_registry import PORT, Distribution


class MinIOImage(FromImage, MinIO):
    """The last image that MinIO published."""

    name = "minio-image"
    image = ServerImage("minio", "minio/minio:RELEASE.2025-09-07T16-13-09Z", 9000, ("server", "--quiet", "/data"))


class FakeGCSServerImage(FromImage, FakeGCSServer):
    """The project's image."""

    name = "fake-gcs-server-image"
    image = ServerImage(
        "fake-gcs-server",
        "fsouza/fake-gcs-server:1.52.2",
        4443,
        ("-scheme", "http", "-port", "4443", "-backend", "memory", "-external-url", "https://storage.googleapis.com"),
    )


class DistributionImage(Distribution):
    """The registry's official image. The token authority in front of it remains a local program."""

    name = "distribution-image"
    image = ServerImage("registry", "registry:3.0.0", 5000)

    def prepare(self) -> None:
        require_packages("aiohttp")
        self.image.prepare()

    def version(self) -> str:
        return self.image.reference

    def registry(self, state: Path) -> Sequence[str]:  # noqa: ARG002 -- it keeps its blobs in the container
        return self.image.command(PORT)

    def environment(self, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        return find_engine().environment
