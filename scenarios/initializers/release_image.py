"""The initializer image of a KServe release: published by KServe, or assembled here from the release's packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from clusters.base import Image, Source
from clusters.images.archive import layer, write
from clusters.images.python_base import environment_content, python_base, user_layer
from clusters.toolchain.cache import once
from scenarios.initializers.releases import releases

#: As in python/storage-initializer.Dockerfile.
_ENVIRONMENT = "/prod_venv"
_USER, _UID = "kserve", 1000
_ENTRYPOINT = "/storage-initializer/scripts/initializer-entrypoint"
#: What Kerberos' Python packages, compiled on this machine, are linked with.
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
        staged = folder / "staged"
        content = environment_content(installed.environment, _ENVIRONMENT, staged)
        entrypoint = staged / "entrypoint"
        shutil.copyfile(installed.entrypoint, entrypoint)
        entrypoint.chmod(0o755)
        for empty in ("/mnt", f"/home/{_USER}"):
            content[empty] = staged / "empty"
        (staged / "empty").mkdir()
        base = python_base(_LIBRARIES)
        user = user_layer(folder / "user.tar", base, _USER, _UID)
        upper = layer(folder / "layer.tar", {**content, _ENTRYPOINT: entrypoint}, owner=_UID, dated=True)
        configuration = {
            "Entrypoint": [_ENTRYPOINT],
            "Env": [f"PATH={_ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin", f"VIRTUAL_ENV={_ENVIRONMENT}"],
            "User": str(_UID),
            "WorkingDir": "/work",
        }
        write(folder / "image.tar", reference, [base, user, upper], configuration)
        for intermediate in (user, upper):
            intermediate.unlink()
        shutil.rmtree(staged)

    key = f"images/storage-initializer-{installed.environment.name}"
    return Image(reference, once(key, build, f"image of KServe's storage initializer {version}") / "image.tar")
