"""Files and folders that the documentation names are there."""

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PAGES = [*HOUSE.glob("*.md"), *(HOUSE / "docs").glob("*.md"), *(HOUSE / "docs" / "decisions").glob("*.md")]
_PATH = re.compile(r"`((?:conformance|scenarios|clusters|reports|reference|examples|tools|tests|docs)/[\w./-]*)`")
#: Placeholders in instructions.
_MADE_UP = re.compile(r"AREA|NNNN")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_paths_that_a_page_names_exist(page: Path) -> None:
    """A module that moves takes its mentions along."""
    named = {name for name in _PATH.findall(page.read_text()) if not _MADE_UP.search(name)}
    assert [name for name in sorted(named) if not (HOUSE / name).exists()] == []
