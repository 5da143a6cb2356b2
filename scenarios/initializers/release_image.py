"""The initializer image of a KServe release: KServe's published one, or one assembled here from its packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from clusters.base import Image, Source
from clusters.images.python_program import write_program
from clusters.toolchain.cache import once
from scenarios.initializers.image_paths import ENTRYPOINT
from scenarios.initializers.releases import releases

#: Libraries that locally compiled Kerberos packages for Python link to.
_LIBRARIES = ("libgssapi-krb5-2",)


def initializer_image(version: str, source: Source) -> Image:
    """`kserve/storage-initializer` of a known release, for a cluster whose images come from `source`.

    Raises ToolFailed.
    """
    reference = f"kserve/storage-initializer:v{version}"
    if source == "published":
        return Image(reference)
    installed = releases()[version].install()

    def build(folder: Path) -> None:
        entrypoint = folder / "entrypoint"
        shutil.copyfile(installed.entrypoint, entrypoint)
        entrypoint.chmod(0o755)
        write_program(
            folder,
            reference,
            installed.environment,
            content={ENTRYPOINT: entrypoint},
            entrypoint=[ENTRYPOINT],
            packages=_LIBRARIES,
        )
        entrypoint.unlink()

    name = f"images/storage-initializer-{version}"
    return Image(reference, once(name, build, f"image of KServe's storage initializer {version}") / "image.tar")
