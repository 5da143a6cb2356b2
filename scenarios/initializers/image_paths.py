"""Replace host paths in the output of a release's initializer by the paths in its image.

Rules judge the last bytes of the output. With host paths, the length of a traceback would depend on the cache folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from clusters.images.python_program import ENVIRONMENT
from clusters.toolchain.venv import version_of
from scenarios.initializers.rootfs import requisites

#: These two are from python/storage-initializer.Dockerfile of each release.
ENTRYPOINT = "/storage-initializer/scripts/initializer-entrypoint"
#: `poetry install` imports the package from its source folder. Since 0.16, `uv pip install .` copies it.
_IN_PLACE = {"kserve": "/kserve/kserve"}
#: The prefix of Python in the base image `python:VERSION-slim-*`.
_PREFIX = "/usr/local"


def image_paths(environment: Path, entrypoint: Path, package: str) -> dict[str, str]:
    """Host path -> path in KServe's image, for an installed release.

    package  the import name of the release's own code.
    """
    library = f"lib/python{version_of(environment)}"
    prefixes = [path for path in requisites(environment / "bin" / "python") if path != environment]
    places = {f"{prefix}/{library}": f"{_PREFIX}/{library}" for prefix in prefixes}
    places |= {str(environment): ENVIRONMENT, str(entrypoint): ENTRYPOINT}
    if package in _IN_PLACE:
        places[f"{environment}/{library}/site-packages/{package}"] = _IN_PLACE[package]
    return places


def as_in_image(text: str, places: Mapping[str, str]) -> str:
    """`text` with every path of `places` replaced, also where it begins a longer path."""
    if not places:  # an empty pattern would match everywhere
        return text
    known = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
    return re.sub(rf"(?<![\w.-])({known})(?![\w.-])", lambda found: places[found[1]], text)
