"""Build the image of KServe's controller manager from the Go module of the release."""

from __future__ import annotations

from pathlib import Path

from clusters.base import Image, Source
from clusters.images.archive import layer, write
from clusters.toolchain.cache import once
from clusters.toolchain.go import go_programs

MODULE = "github.com/kserve/kserve"
#: A numeric id, because the manager's pod sets runAsNonRoot.
USER = 1000


def manager_image(release: str, reference: str, source: Source) -> Image:
    """The manager of KServe `release` under the `reference` that its manifests name. Raises ToolFailed."""
    if source == "published":
        return Image(reference)

    def build(folder: Path) -> None:
        program = go_programs(MODULE, f"v{release}", ["cmd/manager"]) / "manager"
        one = layer(folder / "layer.tar", {"/manager": program})
        write(folder / "image.tar", reference, [one], {"Entrypoint": ["/manager"], "User": f"{USER}:{USER}"})
        one.unlink()

    folder = once(f"images/manager-{release}", build, f"image of KServe's manager {release}")
    return Image(reference, folder / "image.tar")
