"""Build Debian with Python, the lowest layer of all images with Python programs, and the environments on top of it."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from clusters.images.archive import layer
from clusters.toolchain.cache import StepFailed
from clusters.toolchain.debian import root_file_system
from clusters.toolchain.venv import version_of

#: The Python version of this Debian release.
PYTHON = "3.11"


def python_base(packages: Sequence[str] = ()) -> Path:
    """A layer tar: minimal Debian with Python 3.11 and Debian's `packages`. Raises ToolFailed."""
    return root_file_system(("python3", "ca-certificates", *packages))


def user_layer(target: Path, base: Path, name: str, uid: int) -> Path:
    """Write `target`, a layer over the layer `base` that makes a user with a group of the same name and number."""
    lines = {"passwd": f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n", "group": f"{name}:x:{uid}:\n"}
    content = {}
    with tarfile.open(base) as tar:
        for file, line in lines.items():
            known = tar.extractfile(f"./etc/{file}")
            assert known, "it is a file"  # noqa: S101
            content[f"/etc/{file}"] = target.with_name(file)
            content[f"/etc/{file}"].write_bytes(known.read() + line.encode())
    layer(target, content)
    for staged in content.values():
        staged.unlink()
    return target


def environment_content(environment: Path, at: str, folder: Path) -> dict[str, Path]:
    """Return the files of a layer that puts this machine's virtual environment at the path `at` of an image.

    folder  a folder for what differs there: the link to the interpreter, and the file that names it.
    Raises StepFailed for an environment of another Python than the image's.
    """
    if version_of(environment) != PYTHON:
        line = f"{environment} is of Python {version_of(environment)}, images need {PYTHON}: uv python install {PYTHON}"
        raise StepFailed(line, "")
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "python3"):
        (programs / name).symlink_to("/usr/bin/python3")
    settings = folder / "pyvenv.cfg"
    settings.write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    return {f"{at}/lib": environment / "lib", f"{at}/bin": programs, f"{at}/pyvenv.cfg": settings}
