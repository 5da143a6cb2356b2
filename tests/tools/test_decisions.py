"""The index of decisions: made of the heads of their pages, which all have one form."""

from pathlib import Path

import pytest

from tools import decisions_page
from tools.field_reports import PagesError

HEAD = "# 1. One thing\n\n- Date: 2026-11-21\n- Status: {status}\n\n**Context.**\n"


def test_a_decision_is_listed_with_date_and_status(tmp_path: Path) -> None:
    (tmp_path / "0001-one.md").write_text(HEAD.format(status="amended on 2026-11-30"))
    lines = list(decisions_page.page(tmp_path))
    assert "| 1 | [One thing](0001-one.md) | 2026-11-21 | amended on 2026-11-30 |" in lines


@pytest.mark.parametrize(
    ("name", "status", "complaint"),
    [
        ("0001-one.md", "under discussion", "0001-one.md: begin with"),
        ("0002-one.md", "accepted", "0002-one.md: begin with"),
        ("0001-one.md", "superseded by 7", "not there: 0001-one.md"),
    ],
    ids=["status", "number", "successor"],
)
def test_a_decision_in_another_form_is_refused(tmp_path: Path, name: str, status: str, complaint: str) -> None:
    (tmp_path / name).write_text(HEAD.format(status=status))
    with pytest.raises(PagesError, match=complaint):
        list(decisions_page.page(tmp_path))
