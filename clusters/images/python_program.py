"""Build images of Python programs that have their packages in a virtual environment, like the images of KServe."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from clusters.images.archive import layer, write
from clusters.images.python_base import environment_content, python_base, user_layer

#: As in the Dockerfiles of KServe.
ENVIRONMENT = "/prod_venv"
_USER, _UID = "kserve", 1000


def write_program(
    folder: Path,
    reference: str,
    environment: Path,
    *,
    content: Mapping[str, Path],
    entrypoint: Sequence[str],
    packages: Sequence[str] = (),
) -> None:
    """Write `image.tar` into `folder`.

    environment  the virtual environment of this machine that stands at `ENVIRONMENT` in the image.
    content      path in the image -> file or folder of this machine.
    packages     Debian's, beside Python.
    Raises ToolFailed, and StepFailed for an environment of another Python than the image's.
    """
    staged = folder / "staged"
    content = {**environment_content(environment, ENVIRONMENT, staged), **content}
    for empty in ("/mnt", f"/home/{_USER}"):
        content[empty] = staged / "empty"
    (staged / "empty").mkdir()
    base = python_base(packages)
    user = user_layer(folder / "user.tar", base, _USER, _UID)
    upper = layer(folder / "layer.tar", content, owner=_UID, dated=True)
    configuration = {
        "Entrypoint": list(entrypoint),
        "Env": [f"PATH={ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin", f"VIRTUAL_ENV={ENVIRONMENT}"],
        "User": str(_UID),
        "WorkingDir": "/work",
    }
    write(folder / "image.tar", reference, [base, user, upper], configuration)
    for intermediate in (user, upper):
        intermediate.unlink()
    shutil.rmtree(staged)
