"""Build images of the suite's own programs: a static Go program (clusters/programs/NAME/main.go) in an empty root."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clusters.base import Image
from clusters.images.archive import layer, write
from clusters.toolchain.cache import once
from clusters.toolchain.go import go_source

#: A user id that no other program has, as with most model servers; numeric, for pods that set runAsNonRoot.
USER = 65532
_PROGRAMS = Path(__file__).parents[1] / "programs"


def program(name: str) -> Path:
    """The executable of an own program, for this machine. Raises ToolFailed."""
    return go_source(_PROGRAMS / name, name)


def own_image(name: str) -> Image:
    """The image `kserve-conformance/NAME`, tagged by its content: it is never mistaken for an older one.

    Raises ToolFailed.
    """
    executable = program(name)
    digest = hashlib.sha256(executable.read_bytes()).hexdigest()[:12]
    reference = f"kserve-conformance/{name}:{digest}"

    def build(folder: Path) -> None:
        one = layer(folder / "layer.tar", {f"/{name}": executable})
        write(folder / "image.tar", reference, [one], {"Entrypoint": [f"/{name}"], "User": f"{USER}:{USER}"})
        one.unlink()

    return Image(reference, once(f"images/{name}", build, f"image of the {name}") / "image.tar")
