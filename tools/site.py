"""A hook of MkDocs: the site has docs/ alone, so a link that leaves it becomes the path of a file of the repository."""

from __future__ import annotations

import posixpath
import re
from functools import partial
from typing import Protocol

_LEAVING = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]*)(?:#[^)]*)?\)")


class _File(Protocol):
    src_uri: str


class _Page(Protocol):
    file: _File


def on_page_markdown(markdown: str, page: _Page, **_: object) -> str:
    """What MkDocs calls for each page, before it looks at the links."""
    return _LEAVING.sub(partial(_shown, posixpath.dirname(page.file.src_uri)), markdown)


def _shown(folder: str, link: re.Match[str]) -> str:
    text, target = link.groups()
    path = posixpath.normpath(posixpath.join("docs", folder, target))
    if path.startswith("docs/"):
        return link[0]
    return f"`{path}`" if text.strip("`") in path else f"{text} (`{path}`)"
