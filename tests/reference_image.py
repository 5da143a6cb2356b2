"""The reference initializer as an image, for the routes `container` and `pod`.

`python -m tests.reference_image` assembles it in the cache, loads it into podman or docker, and prints its reference.
It replaces the image of reference/README.md if no registry provides the base image.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from clusters.base import Image
from clusters.engine import find_engine
from clusters.images.python_program import ENVIRONMENT, write_program
from clusters.toolchain.cache import once
from clusters.toolchain.venv import virtual_environment

ROOT = Path(__file__).parents[1]


def image() -> Image:
    """`localhost/reference-initializer`, tagged by its content. Raises ToolFailed."""
    source = ROOT / "reference"
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["reference"]
    environment = virtual_environment("reference", requirements)
    content = {f"/initializer/{path.relative_to(source)}": path for path in sorted(source.rglob("*.py"))}
    texts = [environment.name.encode(), *(path.read_bytes() for path in content.values()), *map(str.encode, content)]
    digest = hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]
    reference = f"localhost/reference-initializer:{digest}"

    def build(folder: Path) -> None:
        entrypoint = [f"{ENVIRONMENT}/bin/python", "/initializer"]
        write_program(folder, reference, environment, content=content, entrypoint=entrypoint)

    folder = once(f"images/reference-{digest}", build, "image of the reference initializer")
    return Image(reference, folder / "image.tar")


def load() -> str:
    """Load the image into the engine of this machine, and return its reference.

    Raises ToolFailed, NoEngine, or OSError.
    """
    made, engine = image(), find_engine()
    loaded = engine.run("load", "--input", str(made.archive), timeout_s=300)
    if loaded.returncode:
        raise OSError(f"{engine.name} cannot load {made.archive}: {loaded.stderr.strip()}")
    return made.reference


if __name__ == "__main__":
    print(load())  # noqa: T201 -- this is the command's answer
