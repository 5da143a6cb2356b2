"""The page about stand-ins and emulators."""

from __future__ import annotations

import ast

from tools import stand_ins_page


def test_every_stand_in_is_on_the_page() -> None:
    """Whoever adds one gives its module a heading."""
    own = {
        path.stem
        for path in stand_ins_page.SERVERS.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and "StandIn" in {ast.unparse(base) for base in node.bases}
    }
    assert own
    assert own <= stand_ins_page.MODULES.keys()


def test_the_page_has_the_modules_own_words() -> None:
    page = "\n".join(stand_ins_page.page())
    assert "## HDFS\n" in page
    assert "LISTSTATUS_BATCH" in page
