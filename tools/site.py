"""MkDocs hook. The site contains only docs/, so the hook replaces each link to a file outside it by the file's path."""

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
    """Handle one page; MkDocs calls this hook before it resolves links."""
    return _LEAVING.sub(partial(_shown, posixpath.dirname(page.file.src_uri)), markdown)


def _shown(folder: str, link: re.Match[str]) -> str:
    text, target = link.groups()
    path = posixpath.normpath(posixpath.join("docs", folder, target))
    if path.startswith("docs/"):
        return link[0]
    return f"`{path}`" if text.strip("`") in path else f"{text} (`{path}`)"
