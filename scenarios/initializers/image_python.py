"""The Python for a release of KServe: that of its image if available, and the shortfalls of an older one."""

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
#: Images of earlier releases have Python 3.9.
_SINCE_PYTHON = Version("0.14")
#: Minor release -> the first patch release whose tarfile has filters (PEP 706, June 2023). KServe unpacks archives with
#: `filter="data"` since 0.16. All images are newer than that month, so their Python has the filters.
OLDEST = {"3.9": "3.9.17", "3.11": "3.11.4"}
_ARGUMENT = re.compile(r"^ARG PYTHON_VERSION=(3\.\d+)", re.MULTILINE)
_NO_FILTERS = re.compile(r"TarFile\.extract(all)?\(\) got an unexpected keyword argument 'filter'")


@dataclass(frozen=True)
class Shortfall:
    """A feature that the image's Python has and the initializer's Python lacks.

    failure  the output of a call that failed because of it.
    reason   a sentence with the remedy.
    """

    failure: re.Pattern[str]
    reason: str


def image_python(version: str) -> str:
    """The minor release of Python in the image of a KServe release."""
    return "3.9" if Version(version) < _SINCE_PYTHON else PYTHON


def python_of_dockerfile(path: Path) -> str:
    """The minor release of Python in the image that a Dockerfile of KServe makes. Without it, that of newer images."""
    found = _ARGUMENT.search(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
    return found[1] if found else PYTHON


def chosen_python(intended: str) -> Path | str:
    """The Python for a KServe initializer, as `virtual_environment` takes it.

    First choice: `intended`, that of its image. Second: that of newer images, which supports every release. Else any
    available one.
    """
    for minor in dict.fromkeys((intended, PYTHON)):
        try:
            return interpreter(minor, OLDEST.get(minor, minor))
        except ToolFailed as reason:
            log.info("%s", reason)
    return PYTHON


def shortfall(python: str) -> Shortfall | None:
    """The shortfall of a Python release such as `3.11.2`; None if it has none."""
    minor = python.rpartition(".")[0]
    oldest = OLDEST.get(minor)
    if oldest is None or Version(python) >= Version(oldest):
        return None
    reason = (
        f"Python {python} lacks the extraction filters of tarfile, which KServe needs; "
        f"install Python {oldest} or newer (`uv python install {minor}`)"
    )
    return Shortfall(_NO_FILTERS, reason)
