"""Links between the pages, and from references to their targets."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Repositories that references abbreviate.
_REPOSITORIES = {"": "kserve/kserve", "kserve": "kserve/kserve", "cpython": "python/cpython"}


def cell(text: str) -> str:
    """Escape `text` for a cell of a Markdown table."""
    return text.replace("|", "\\|")


def rule(rule_id: str, folder: str = "spec/") -> str:
    """Link to a rule. `folder` is the path from the linking page to the pages of the spec."""
    area = rule_id.rpartition("-")[0]
    return f"[{rule_id}]({folder}{area.lower()}.md#{rule_id.lower()})"


def issue(name: str) -> str:
    """Link to `#1`, `kserve#1`, `cpython#1` or `owner/name#1`. GitHub redirects from an issue to a pull request."""
    repository, _, number = name.partition("#")
    return f"[{name}](https://github.com/{_REPOSITORIES.get(repository, repository)}/issues/{number})"


def reference(text: str, issues: Mapping[str, str], folder: str = "") -> str:
    """Turn `text` into a link; return it unchanged if it refers to nothing public.

    folder  the path from the linking page to docs/.
    issues  maps each field report to its issue, or "".
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
