"""How environment and files reach an initializer in a pod: by a Secret for KServe's webhook, or by the container's env.

A call has environment variables and files. In a cluster, users do not set those. They create a Secret and list it in a
ServiceAccount; the webhook turns it into variables and mounts (pkg/credentials). For everything else the suite changes
the ClusterStorageContainer, as administrators do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: The prefix of KServe's annotations.
PREFIX = "serving.kserve.io"


@dataclass(frozen=True)
class Delivery:
    """How the environment and files of one call reach the pod.

    secret       data of a Secret that the pod's ServiceAccount lists; empty for none.
    annotations  the annotations of that Secret.
    environment  variables for the container of a ClusterStorageContainer.
    files        path in the container -> local file or folder, mounted read-only.
    """

    environment: Mapping[str, str]
    files: Mapping[str, Path]
    secret: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def without(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """`environment` without the variables `names`."""
    return {name: value for name, value in environment.items() if name not in names}
