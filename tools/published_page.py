"""Generate docs/published.md: the reports in reports/published/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from reports import publishing
from reports.model import Verdict

PUBLISHED = Path(__file__).parents[1] / "reports" / "published"

_HEAD = """# Published reports

These reports came in by pull requests. [Verify](verify.md) explains what a report proves, and how to publish one. The
rules for a folder are in [reports/published/README.md](../reports/published/README.md).

CI checks each report by itself, and compares those of the present suite with its rules, cases and servers. To verify
another report, check out the commit of its suite.
"""


def page(root: Path = PUBLISHED) -> Iterator[str]:
    """Yield the lines of the page. Raises UnreadableReport or CorruptReport."""
    yield from _HEAD.splitlines()
    entries = publishing.entries(root)
    if not entries:
        yield from ("", "Nobody has published a report yet.", "")
        return
    yield from ("", "| program | spec | rules of KServe | verdicts | suite | signed | run | report |", f"|{'---|' * 8}")
    for entry in entries:
        report = entry.report
        cells = [
            f"{report.initializer.name} {report.initializer.version}",
            report.spec.version,
            report.kserve,
            _verdicts(entry),
            f"{report.suite.version} {report.suite.commit[:12]}",
            "yes" if entry.signed else "no",
            report.environment.started[:10],
        ]
        link = f"[{entry.folder}](../reports/published/{entry.folder}/README.md)"
        yield f"| {' | '.join(map(publishing.plain, cells))} | {link} |"
    yield ""


def _verdicts(entry: publishing.Entry) -> str:
    counted = Counter(profile.verdict for profile in entry.report.profiles)
    return ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
