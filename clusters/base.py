"""The interface of clusters. Each provider is a module that starts a cluster; other code uses only this interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import lightkube

#: The source of images: the registries of their publishers, or this machine (see docs/decisions/).
Source = Literal["published", "assembled"]

#: Label of every object that the suite creates; its value is the id of the run.
RUN_LABEL = "conformance.kserve.io/run"
#: Timeout of one request to the API server, in seconds.
REQUEST_TIMEOUT_S = 60.0


class NoCluster(Exception):
    """The requested cluster is not available; the message is one line with the reason and the remedy."""


@dataclass(frozen=True)
class Image:
    """An image for a cluster.

    archive  a file on this machine in the format of `docker save`; None if the nodes pull the image.
    """

    reference: str
    archive: Path | None = None


@dataclass(frozen=True)
class Cluster:
    """A running cluster. It is plain data, so that pytest-xdist can send it to workers.

    version  the version of Kubernetes, such as `v1.34.4`.
    images   the source of its images; `why` gives the reason in one sentence, for the report.
    shared   a folder that this machine and every node mount at the same path; None if there is none.
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
    """Starts a cluster, loads images into it, and removes it."""

    @abstractmethod
    def start(self) -> Cluster:
        """Start the cluster and return it when pods can run. Raises NoCluster."""

    @abstractmethod
    def load(self, images: Sequence[Image]) -> None:
        """Load `images` into every node, and skip those that are already there. Raises NoCluster."""

    @abstractmethod
    def stop(self) -> None:
        """Remove what `start` created, unless the cluster is to be kept."""


@cache
def _client(kubeconfig: Path, context: str, written_ns: int) -> lightkube.Client:  # noqa: ARG001
    # `written_ns` is there for the cache: a cluster made anew under a name has other keys.
    import httpx  # noqa: PLC0415 - every worker of every run imports this module, and most have no cluster
    import lightkube  # noqa: PLC0415

    configuration = lightkube.KubeConfig.from_file(kubeconfig).get(context_name=context)
    if configuration is None:
        raise NoCluster(f"{kubeconfig} has no context {context!r}")
    # The user's own proxy has no business between the suite and a cluster on this machine.
    timeout = httpx.Timeout(REQUEST_TIMEOUT_S)
    return lightkube.Client(configuration, field_manager="kserve-conformance", timeout=timeout, trust_env=False)
