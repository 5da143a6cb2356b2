"""A badge for a report: an SVG file, and the JSON that badge services read (https://shields.io/badges/endpoint-badge)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jinja2

from reports.model import Report, Verdict

_LABEL = "KServe storage initializer"
#: Verdict -> the name of its colour for badge services, and that colour, dark enough for white text.
_COLOURS = {
    Verdict.NONCONFORMANT: ("red", "#b3261e"),
    Verdict.INCOMPLETE: ("lightgrey", "#5f6368"),
    Verdict.KNOWN_FAILURES: ("yellow", "#7a5b00"),
    Verdict.CONFORMANT: ("brightgreen", "#1e6b2e"),
}
#: Pixels of a letter at 11 pixels, and of the space around a text.
_LETTER, _SPACE = 6.5, 12


def message(report: Report) -> tuple[Verdict, str]:
    """Return the worst verdict of the report's profiles, and the badge's text. A report without profiles is incomplete.

    A badge never shows a better verdict than that of any profile in the report.
    """
    counted = Counter(profile.verdict for profile in report.profiles)
    worst = next((verdict for verdict in Verdict if counted[verdict]), Verdict.INCOMPLETE)
    words = worst.value.replace("-with-known-", " with known ")
    total = len(report.profiles)
    where = report.profiles[0].name if total == 1 else f"{counted[worst]} of {total} profiles"
    return worst, f"{words}: {where}, spec {report.spec.version}"


def svg(report: Report) -> str:
    """Return the badge as an SVG document. It loads nothing."""
    worst, text = message(report)
    left, right = (round(len(part) * _LETTER + _SPACE) for part in (_LABEL, text))
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    template = environment.get_template("badge.svg.j2")
    return template.render(left=left, right=right, label=_LABEL, message=text, fill=_COLOURS[worst][1]) + "\n"


def endpoint(report: Report) -> str:
    """Return the JSON that a badge service turns into a badge."""
    worst, text = message(report)
    data = {"schemaVersion": 1, "label": _LABEL, "message": text, "color": _COLOURS[worst][0]}
    return json.dumps(data, indent=1) + "\n"
