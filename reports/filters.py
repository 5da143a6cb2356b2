"""The page's filters: what they offer, and the one script that the page runs."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.model import Level, Outcome, Report

#: The script is constant: nothing of a report enters it.
SCRIPT = (Path(__file__).parent / "html/filters.js").read_text(encoding="utf-8")
#: The name of the store of results that need none.
NO_STORE = "any"


@dataclass(frozen=True)
class Filters:
    """The values that the results have, each once; `outcomes` counts the results too."""

    areas: Sequence[str]
    stores: Sequence[str]
    routes: Sequence[str]
    levels: Sequence[Level]
    outcomes: Mapping[Outcome, int]


def filters(report: Report) -> Filters:
    """Return the filters of a report."""
    counts = Counter(result.outcome for result in report.results)
    levels = {result.level for result in report.results}
    return Filters(
        list(dict.fromkeys(report.rule(result.rule).area for result in report.results)),
        sorted({result.store or NO_STORE for result in report.results}),
        sorted({result.route for result in report.results}),
        [level for level in Level if level in levels],
        {outcome: counts[outcome] for outcome in Outcome if counts[outcome]},
    )


def policy() -> str:
    """Return the page's Content Security Policy: it allows this script by its digest, and nothing from other hosts."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    allowed = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
