"""A volume claim as an initializer sees it: mounted at /mnt/pvc, with `pvc://CLAIM/PATH` replaced by a path there.

KServe's webhook does this up to 0.15, unless `enableDirectPvcVolumeMount` is set (it is since 0.12).
Since 0.16 the webhook always mounts a claim at /mnt/models and injects no initializer (PR 4694).
"""

from __future__ import annotations

from scenarios.initializers.base import PVC as MOUNT
from scenarios.stores.folder import Folder


class PVC(Folder):
    """A folder at /mnt/pvc. KServe's initializer creates symbolic links to it."""

    name = "pvc"
    mount = MOUNT

    def uri(self, path: str = "") -> str:
        return self._seen(path)
