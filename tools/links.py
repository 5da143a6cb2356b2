"""Links between the pages, and from references to what they refer to."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Repositories that references name in short.
_REPOSITORIES = {"": "kserve/kserve", "kserve": "kserve/kserve", "cpython": "python/cpython"}


def cell(text: str) -> str:
    """`text` in a cell of a table."""
    return text.replace("|", "\\|")


def rule(rule_id: str, folder: str = "spec/") -> str:
    """A link to a rule, from a page that has the pages of the spec in `folder`."""
    area = rule_id.rpartition("-")[0]
    return f"[{rule_id}]({folder}{area.lower()}.md#{rule_id.lower()})"


def issue(name: str) -> str:
    """A link to `#1`, `kserve#1`, `cpython#1` or `owner/name#1`. GitHub leads from an issue to a pull request."""
    repository, _, number = name.partition("#")
    return f"[{name}](https://github.com/{_REPOSITORIES.get(repository, repository)}/issues/{number})"


def reference(text: str, issues: Mapping[str, str], folder: str = "") -> str:
    """`text` as a link, from a page that has docs/ in `folder`; text that refers to nothing public stays as it is.

    issues  field report -> the issue behind it, or "".
    """
    report = text.removeprefix("field report ")
    if report in issues:
        link = f"[{text}]({folder}coverage.md#{report.lower()})"
        return f"{link} ({issue(issues[report])})" if issues[report] else link
    if re.fullmatch(r"[\w./-]*#\d+", text):
        return issue(text)
    if re.fullmatch(r"CVE-\d+-\d+", text):
        return f"[{text}](https://www.cve.org/CVERecord?id={text})"
    return text
