"""What reaches an initializer in a pod, and how: by a Secret as KServe's webhook reads it, or by the container's env.

A call names environment variables and files. On a cluster nobody sets those: users make a Secret, name it in a
ServiceAccount, and the webhook turns it into variables and mounts (pkg/credentials). What has no such form is given
through the ClusterStorageContainer, as administrators do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: What the names of KServe's annotations begin with.
PREFIX = "serving.kserve.io"


@dataclass(frozen=True)
class Delivery:
    """How the environment and files of one call get into the pod.

    secret       data of a Secret that the pod's ServiceAccount names; empty for none.
    annotations  of that Secret.
    environment  for the container of a ClusterStorageContainer.
    files        path in the container -> file or folder of this machine, mounted read-only.
    """

    environment: Mapping[str, str]
    files: Mapping[str, Path]
    secret: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def without(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """`environment` but for the variables `names`."""
    return {name: value for name, value in environment.items() if name not in names}
