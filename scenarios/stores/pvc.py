"""A volume claim as an initializer meets it: mounted at /mnt/pvc, with `pvc://CLAIM/PATH` turned into a path there.

KServe's webhook does so up to 0.15, unless `enableDirectPvcVolumeMount` is set (it is since 0.12).
Since 0.16 a claim is always mounted at /mnt/models itself and no initializer runs (PR 4694).
"""

from __future__ import annotations

from scenarios.initializers.base import PVC as MOUNT
from scenarios.stores.folder import Folder


class PVC(Folder):
    """A folder at /mnt/pvc. KServe's initializer makes symbolic links into it."""

    name = "pvc"
    mount = MOUNT

    def uri(self, path: str = "") -> str:
        return self._seen(path)
