"""The hook of the documentation site."""

from types import SimpleNamespace

import pytest

from tools.site import on_page_markdown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("the [spec](../spec/index.md#levels)", "the [spec](../spec/index.md#levels)"),
        ("[decision](0001-rules-as-data.md)", "[decision](0001-rules-as-data.md)"),
        ("[the reference](../../reference)", "the reference (`reference`)"),
        ("[`tools/pages.py`](../../tools/pages.py)", "`tools/pages.py`"),
        ("[examples/](../../examples/curl/README.md)", "`examples/curl/README.md`"),
    ],
)
def test_a_link_that_leaves_the_site_becomes_a_path(markdown: str, shown: str) -> None:
    """Whoever reads the site has no repository beside it."""
    page = SimpleNamespace(file=SimpleNamespace(src_uri="decisions/0099-example.md"))
    assert on_page_markdown(markdown, page, config={}, files=[]) == shown
