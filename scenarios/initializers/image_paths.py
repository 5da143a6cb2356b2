"""The paths of a release's image, in place of those of this machine, in what its initializer prints.

Rules judge the last bytes of the output. A traceback there would be longer or shorter with the folder of the cache.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from clusters.images.python_program import ENVIRONMENT
from clusters.toolchain.venv import version_of
from scenarios.initializers.rootfs import requisites

#: These two as in python/storage-initializer.Dockerfile of each release.
ENTRYPOINT = "/storage-initializer/scripts/initializer-entrypoint"
#: `poetry install` imports the package from its source folder. Releases from 0.16 on use `uv pip install .`: a copy.
_IN_PLACE = {"kserve": "/kserve/kserve"}
#: Where the base image `python:VERSION-slim-*` has its Python.
_PREFIX = "/usr/local"


def image_paths(environment: Path, entrypoint: Path, package: str) -> dict[str, str]:
    """Path of this machine -> path in the image of KServe, for an installed release.

    package  the name by which the release's own code is imported.
    """
    library = f"lib/python{version_of(environment)}"
    prefixes = [path for path in requisites(environment / "bin" / "python") if path != environment]
    places = {f"{prefix}/{library}": f"{_PREFIX}/{library}" for prefix in prefixes}
    places |= {str(environment): ENVIRONMENT, str(entrypoint): ENTRYPOINT}
    if package in _IN_PLACE:
        places[f"{environment}/{library}/site-packages/{package}"] = _IN_PLACE[package]
    return places


def as_in_image(text: str, places: Mapping[str, str]) -> str:
    """`text` with every path of `places` replaced, also as the beginning of a longer one."""
    if not places:  # the empty pattern is found everywhere
        return text
    known = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
    return re.sub(rf"(?<![\w.-])({known})(?![\w.-])", lambda found: places[found[1]], text)
