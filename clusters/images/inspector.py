"""The inspector as an image: it takes a model server's place and reports what lies below its mounts (see main.go)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clusters.base import Image
from clusters.images.archive import layer, write
from clusters.toolchain.cache import once, run
from clusters.toolchain.go import go

#: Not the initializer's, as with most model servers; numeric, for pods that say runAsNonRoot.
USER = 65532
_SOURCE = Path(__file__).parents[1] / "inspector"


def inspector() -> Path:
    """The executable, static. Raises ToolFailed."""

    def build(folder: Path) -> None:
        options = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(folder / "inspector")]
        run([go(), "build", *options, "."], {"CGO_ENABLED": "0"}, _SOURCE)

    return once(f"go/inspector-{_digest()}", build, "the inspector", "check that Go works") / "inspector"


def inspector_image() -> Image:
    """The image, from an empty root; its arguments are the mounts to look at. Raises ToolFailed."""
    reference = f"kserve-conformance/inspector:{_digest()}"

    def build(folder: Path) -> None:
        one = layer(folder / "layer.tar", {"/inspector": inspector()})
        write(folder / "image.tar", reference, [one], {"Entrypoint": ["/inspector"], "User": f"{USER}:{USER}"})
        one.unlink()

    return Image(reference, once(f"images/inspector-{_digest()}", build, "image of the inspector") / "image.tar")


def _digest() -> str:
    digest = hashlib.sha256()
    for source in sorted(_SOURCE.iterdir()):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
