"""A container engine that is a shell script, and what the tests of clusters share."""

from __future__ import annotations

from pathlib import Path

from clusters import kind
from clusters.base import Image
from clusters.engine import Engine
from clusters.images.archive import layer, write
from clusters.toolchain.go import go_source

ENDED_WITHIN_S = 60
PAUSE = Path(kind.__file__).parent / "images" / "pause"


def program(path: Path, script: str) -> Path:
    """A shell script in the place of a program."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def engine_that(folder: Path, script: str) -> Engine:
    """An engine whose client is `script`; it notes its calls in the file `calls` of `folder`."""
    found = program(folder / "bin" / "podman", f'echo "$@" >>{folder}/calls\n{script}')
    return Engine("podman", str(found), "4.3.1", {})


def small_image(folder: Path, reference: str, marker: str) -> Image:
    """An image that pauses, with `marker` in it."""
    (folder / "marker").write_text(marker)
    content = {"/pause": go_source(PAUSE, "pause"), "/marker": folder / "marker"}
    archive = folder / f"{marker}.tar"
    write(archive, reference, [layer(folder / "layer", content)], {"Entrypoint": ["/pause"]})
    return Image(reference, archive)
