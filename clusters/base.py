"""A cluster: where pods run. One module a provider brings it up; everything else only knows what stands here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import httpx
import lightkube

#: Where the images of a run come from: their publishers' registries, or this machine (see docs/decisions/).
Source = Literal["published", "assembled"]

#: On every object that the suite makes; the value is the run's id.
RUN_LABEL = "conformance.kserve.io/run"
#: Seconds that one request to the API server may take.
REQUEST_TIMEOUT_S = 60.0


class NoCluster(Exception):
    """The cluster asked for cannot be had; one line with the reason and the remedy."""


@dataclass(frozen=True)
class Image:
    """An image for a cluster.

    archive  a file that `docker save` could have written, on this machine; None where the nodes pull the image.
    """

    reference: str
    archive: Path | None = None


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers. Plain data, so that it crosses to pytest-xdist workers.

    version  of Kubernetes, such as `v1.34.4`.
    images   where its images come from, and `why` in one sentence, for the report.
    shared   a folder that this machine and every node see at the same path; None where there is none.
    """

    name: str
    provider: str
    version: str
    kubeconfig: Path
    context: str
    images: Source
    why: str
    shared: Path | None = None

    def client(self) -> lightkube.Client:
        """A client of its API server, one a process and cluster."""
        return _client(self.kubeconfig, self.context, self.kubeconfig.stat().st_mtime_ns)


class Provider(ABC):
    """Brings a cluster up, gives it images, and takes it down again."""

    @abstractmethod
    def start(self) -> Cluster:
        """The cluster, ready for pods. Raises NoCluster."""

    @abstractmethod
    def load(self, images: Sequence[Image]) -> None:
        """Have `images` on every node; those that it has already cost nothing. Raises NoCluster."""

    @abstractmethod
    def stop(self) -> None:
        """Remove what `start` made, unless it shall be kept."""


@cache
def _client(kubeconfig: Path, context: str, written_ns: int) -> lightkube.Client:  # noqa: ARG001
    # `written_ns` is there for the cache: a cluster made anew under a name has other keys.
    configuration = lightkube.KubeConfig.from_file(kubeconfig).get(context_name=context)
    if configuration is None:
        raise NoCluster(f"{kubeconfig} has no context {context!r}")
    # The user's own proxy has no business between the suite and a cluster on this machine.
    timeout = httpx.Timeout(REQUEST_TIMEOUT_S)
    return lightkube.Client(configuration, field_manager="kserve-conformance", timeout=timeout, trust_env=False)
