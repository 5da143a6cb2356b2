"""The Python below a release of KServe: the one of its image where it can be had, and what an older one cannot do."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.python import interpreter

log = logging.getLogger("conformance.setup")

PYTHON = "3.11"
#: The image's Python was 3.9 before this release.
_SINCE_PYTHON = Version("0.14")
#: Minor release -> its first patch release whose tarfile has filters (PEP 706, June 2023). KServe unpacks archives with
#: `filter="data"` since 0.16. Every image was built later than that month, so its own Python has them.
OLDEST = {"3.9": "3.9.17", "3.11": "3.11.4"}
_NO_FILTERS = re.compile(r"TarFile\.extract(all)?\(\) got an unexpected keyword argument 'filter'")


@dataclass(frozen=True)
class Shortfall:
    """What the image's Python can do and the one below the initializer cannot.

    failure  what a call prints that ended for it.
    reason   a sentence with the remedy.
    """

    failure: re.Pattern[str]
    reason: str


def image_python(version: str) -> str:
    """The minor release of Python in the image of a release of KServe."""
    return "3.9" if Version(version) < _SINCE_PYTHON else PYTHON


def chosen_python(version: str) -> Path | str:
    """What a release of KServe shall run on, as `virtual_environment` takes it.

    That of its image; else that of newer images, on which every release can be installed; else whatever there is.
    """
    for minor in dict.fromkeys((image_python(version), PYTHON)):
        try:
            return interpreter(minor, OLDEST[minor])
        except ToolFailed as reason:
            log.info("%s", reason)
    return PYTHON


def shortfall(python: str) -> Shortfall | None:
    """What a release of Python such as `3.11.2` lacks; None where it lacks nothing."""
    minor = python.rpartition(".")[0]
    oldest = OLDEST.get(minor)
    if oldest is None or Version(python) >= Version(oldest):
        return None
    reason = (
        f"Python {python} has no extraction filters in tarfile, which KServe uses and the Python of its image has; "
        f"install Python {oldest} or newer (`uv python install {minor}`)"
    )
    return Shortfall(_NO_FILTERS, reason)
