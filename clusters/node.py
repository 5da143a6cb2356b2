"""The single node of a kind cluster: a container that runs containerd and the kubelet."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import tarfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from lightkube import ApiError, Client
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Node as NodeObject

from clusters.base import Image, NoCluster
from clusters.engine import Engine

log = logging.getLogger("conformance.setup")

_IMPORTS_AT_ONCE = 3
_ASK_EVERY_S = 0.2
_LOG_LINES = 5
_CTR = ("ctr", "--namespace", "k8s.io", "images")


@dataclass(frozen=True)
class Node:
    """The container `name` on `engine`."""

    engine: Engine
    name: str

    def load(self, images: Sequence[Image]) -> None:
        """Import the archives of `images`, except those that the node has with the same content. Raises NoCluster."""
        digests = {image: config_digest(image) for image in images if image.archive}
        present = self._images()
        missing = [image for image, digest in digests.items() if not _has(present, image.reference, digest)]
        with ThreadPoolExecutor(_IMPORTS_AT_ONCE) as pool:
            list(pool.map(self._import, missing))

    def wait_until_ready(self, client: Client, within_s: float) -> str:
        """Wait for the node and the cluster's DNS, and return the version of the kubelet. Raises NoCluster."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                version, lacking = _state(client)
            except (ApiError, httpx.HTTPError) as failure:
                version, lacking = "", f"its API server: {failure}"
            if not lacking:
                return version
            if time.monotonic() > deadline:
                told = self._run("journalctl", "--unit", "kubelet", "--no-pager", "--output", "cat", "--lines", "500")
                lines = [line for line in told.splitlines() if line.startswith(("E", "F"))][-_LOG_LINES:]
                said = " | ".join(lines) or "nothing"
                raise NoCluster(f"{self.name} is not ready after {within_s:.0f} s: {lacking}; its kubelet said: {said}")
            time.sleep(_ASK_EVERY_S)

    def _images(self) -> set[tuple[str, str]]:
        """Return the node's images as (reference, configuration digest); containerd lists the digest as a name too."""
        rows = [line.split() for line in self._run(*_CTR, "ls").splitlines()[1:]]
        named = [(row[0], row[2]) for row in rows if len(row) > 2]
        return {(name, other) for name, target in named for other, same in named if same == target}

    def _import(self, image: Image) -> None:
        assert image.archive  # noqa: S101 -- load() has chosen
        begun = time.monotonic()
        with image.archive.open("rb") as stream:
            done = subprocess.run(
                [self.engine.program, "exec", "--interactive", self.name, *_CTR, "import", "-"],
                env=self.engine.variables(),
                stdin=stream,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise NoCluster(f"{image.reference} cannot be loaded into {self.name} from {image.archive}: {last}")
        log.info("%s: loaded in %.1f s", image.reference, time.monotonic() - begun)

    def _run(self, *argv: str) -> str:
        return self.engine.run("exec", self.name, *argv).stdout


def config_digest(image: Image) -> str:
    """Return the digest of the image configuration in an archive.

    Raises NoCluster unless the archive contains this image, and no other.
    """
    archive = image.archive or Path()
    try:
        with tarfile.open(archive, "r:") as tar:
            described = tar.extractfile("manifest.json")
            (manifest,) = json.load(described or io.BytesIO(b"[]"))
    except (OSError, tarfile.TarError, KeyError, ValueError) as failure:
        raise NoCluster(f"{archive} is not an archive of one image as `docker save` writes it: {failure}") from failure
    if not any(_stands_for(tag, image.reference) for tag in manifest["RepoTags"] or ()):
        raise NoCluster(f"{archive} holds {manifest['RepoTags']}, not {image.reference}")
    return f"sha256:{Path(manifest['Config']).name.removesuffix('.json')}"


def _has(present: set[tuple[str, str]], reference: str, digest: str) -> bool:
    return any(_stands_for(name, reference) and digest == other for name, other in present)


def _stands_for(name: str, reference: str) -> bool:
    """Return whether a full `name` matches `reference`, which can omit the default registry."""
    return name == reference or name.endswith(f"/{reference}")


def _state(client: Client) -> tuple[str, str]:
    """Return the version of the kubelet, and one sentence on what is missing; "" if nothing is missing."""
    (node,) = client.list(NodeObject)
    status = node.status
    ready = next((one for one in (status and status.conditions) or () if one.type == "Ready"), None)
    version = status.nodeInfo.kubeletVersion if status and status.nodeInfo else ""
    if ready is None or ready.status != "True":
        return version, f"Ready={ready.status} ({ready.reason}: {ready.message})" if ready else "no condition Ready yet"
    dns = client.get(Deployment, "coredns", namespace="kube-system").status
    return version, "" if dns and dns.availableReplicas else "no replica of CoreDNS is available"
