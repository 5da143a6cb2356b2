"""Build the images of KServe's controllers from the Go module of the release."""

from __future__ import annotations

from pathlib import Path

from clusters.base import Image, Source
from clusters.images.archive import layer, write
from clusters.toolchain.cache import once
from clusters.toolchain.go import go_programs

MODULE = "github.com/kserve/kserve"
#: A numeric id, because the pods set runAsNonRoot.
USER = 1000


def controller_image(program: str, release: str, reference: str, source: Source) -> Image:
    """The `program` of KServe `release` (`cmd/PROGRAM`) under the `reference` in its manifests. Raises ToolFailed."""
    if source == "published":
        return Image(reference)

    def build(folder: Path) -> None:
        built = go_programs(MODULE, f"v{release}", [f"cmd/{program}"]) / program
        one = layer(folder / "layer.tar", {"/manager": built})
        write(folder / "image.tar", reference, [one], {"Entrypoint": ["/manager"], "User": f"{USER}:{USER}"})
        one.unlink()

    folder = once(f"images/{program}-{release}", build, f"image of KServe's {program} {release}")
    return Image(reference, folder / "image.tar")
