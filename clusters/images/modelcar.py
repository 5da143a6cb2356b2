"""Build an image with a model, like KServe's modelcars: a shell that creates the link, and the model in /models."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from clusters.base import Image
from clusters.images.archive import layer, write
from clusters.toolchain.cache import once
from clusters.toolchain.debian import root_file_system

#: The programs that KServe's command for a modelcar runs.
_CALLED = ("sh", "ln", "sleep", "echo")


def modelcar(tree: Mapping[str, bytes]) -> Image:
    """The image, with the files of `tree` below /models. Raises ToolFailed."""
    base = root_file_system(["busybox-static"], alone=True)
    digest = hashlib.sha256(repr((base.parent.name, sorted(tree.items()))).encode()).hexdigest()[:12]
    reference = f"kserve-conformance/modelcar:{digest}"

    def build(folder: Path) -> None:
        staged = folder / "staged"
        (staged / "bin").mkdir(parents=True)
        for name in _CALLED:
            (staged / "bin" / name).symlink_to("busybox")
        for path, content in tree.items():
            file = staged / "models" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        own = layer(folder / "layer.tar", {"/bin": staged / "bin", "/models": staged / "models"})
        write(folder / "image.tar", reference, [base, own], {})
        shutil.rmtree(staged)
        own.unlink()

    return Image(reference, once("images/modelcar", build, "image with a model") / "image.tar")
