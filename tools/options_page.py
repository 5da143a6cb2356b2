"""Generate docs/options.md: the options of `pytest conformance/`, declared in `conformance/harness/command_line.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from conformance.harness import command_line

_HEAD = """# Options

Give options after `--` where tox starts the run, and directly where pytest does:

```console
$ .venv/bin/tox -e conformance -- --initializer kserve:0.11.2 --store s3
$ pytest conformance/ --initializer kserve:0.11.2 --store s3
```

A value that the run cannot use ends it with exit status 4 and one line that has the remedy.
"""
_TAIL = """
## Options of pytest

All options of pytest work too. The most useful are `-k EXPRESSION` (select cases by name), `-x` (stop at the first
failure) and `-n N` (the number of worker processes; tox gives `-n auto`).
"""


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    parser = pytest.Parser(_ispytest=True)
    command_line.add(parser)
    yield from _HEAD.splitlines()
    for name, title in command_line.GROUPS.items():
        yield from ("", f"## {title[0].upper()}{title[1:]}", "", "| option | meaning |", "|---|---|")
        for option in parser.getgroup(name).options:
            attributes = option.attrs()
            call = " ".join([*option.names(), attributes.get("metavar") or ""]).strip()
            yield f"| `{call}` | {_marked(attributes['help'])} |"
    yield from _TAIL.splitlines()
    yield ""


def _marked(text: str) -> str:
    """Convert a help text to Markdown, with options and the values that it explains as code."""
    text = re.sub(r"(--[a-z][a-z-]+)", r"`\1`", text)
    return re.sub(r"\b([a-z]+:[A-Z]+)\b|(?<=\. )([a-z][a-z-]*)(?=: )", r"`\g<0>`", text)
