"""Generate docs/mutants.md: which rule noticed which mutant. Only a run over all mutants writes it; do not edit it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.spec import Rule, Spec
from tests.mutants.registry import Registry
from tests.mutants.verdict import Verdict

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
MADE = "<!-- Made by `tox -e mutants -- --write`; do not edit. -->"

HEAD = f"""{MADE}
# Mutants

A rule that cannot fail proves nothing. Each mutant below is the [reference initializer](../reference) with one
thing broken, and names the rules that must notice: at least one of their cases has to fail, and an error of the harness
does not count. `tox -e mutants` runs them all, and the reference, which must pass every case.
"""

Pairs = set[tuple[str, str]]


def page(verdicts: Iterable[Verdict], spec: Spec) -> str:
    """Return the page for a run over all mutants."""
    known = sorted(verdicts, key=lambda verdict: verdict.mutant.name)
    rules = [rule for rule in spec if any(rule.id in verdict.mutant.rules for verdict in known)]
    lines = [HEAD, f"{len(known)} mutants, {len(rules)} rules.\n", "## Which rule notices which mutant"]
    for area in dict.fromkeys(rule.area for rule in rules):
        lines += [f"\n### {spec.areas[area]}\n", "| rule | level | mutant | cases that failed |", "|---|---|---|---|"]
        lines += [row for rule in rules if rule.area == area for row in _rows(rule, known)]
    lines += ["\n## What each mutant does", "\n| mutant | what is broken |", "|---|---|"]
    lines += [f"| `{verdict.mutant.name}` | {verdict.mutant.says} |" for verdict in known]
    return "\n".join(lines) + "\n"


def _rows(rule: Rule, verdicts: Sequence[Verdict]) -> list[str]:
    """Return a row for each mutant that the rule noticed."""
    seen = [(verdict, [kill for kill in verdict.kills if kill.rule == rule.id]) for verdict in verdicts]
    return [
        f"| {rule.id} | {rule.level} | `{verdict.mutant.name}` | {', '.join(map(str, kills))} |"
        for verdict, kills in seen
        if kills
    ]


def pairs_on(text: str) -> Pairs:
    """Return the (rule, mutant) pairs in the matrix of a page."""
    return set(re.findall(r"^\| ([A-Z]+-\d+) \| \w+ \| `(\w+)` \|", text, re.M))


def stale(text: str, registry: Registry) -> list[str]:
    """Return the differences between the committed page and the registry, one line each."""
    now: Pairs = {(rule, one.name) for one in registry for rule in one.rules}
    on_page = pairs_on(text)
    return [f"{rule} x {name} is not on the page" for rule, name in sorted(now - on_page)] + [
        f"{rule} x {name} is on the page, but is no more" for rule, name in sorted(on_page - now)
    ]
