"""Generate docs/webhook-mutants.md: which rule noticed which mutant, on which release. Each run adds one release."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.version import Version

from conformance.spec import Rule, Spec
from tests.webhook_mutants.groups import GROUPS
from tests.webhook_mutants.registry import Mutant, Registry
from tests.webhook_mutants.verdict import Verdict, What

PAGE = Path(__file__).parents[2] / "docs" / "webhook-mutants.md"

HEAD = """<!-- Made by `tox -e cluster-mutants -- --write`; do not edit. -->
# Mutants of the webhook

A rule that cannot fail proves nothing. The suite cannot break KServe's webhook, but it can alter what KServe answered,
in exactly one way, before the test sees it. Each mutant below does that, and names the rules that must notice: at least
one case that passes unaltered has to fail. An error of the harness does not count.

`tox -e cluster-mutants` runs them all on one release of KServe (`-- --kserve 0.15.2` for another than the newest), and
`-- --write` adds what that release showed to this page. Releases that break a rule by themselves stand in the last
column: the rule notices that too, and it is listed as a [known failure](known-failures-kserve.md).
"""

#: (rule, mutant) -> what -> releases.
Pairs = dict[tuple[str, str], dict[What, set[str]]]
_ROW = re.compile(r"^\| ([A-Z]+-\d+) \| \w+ \| `(\w+)` \| ([^|]*)\| ([^|]*)\|$", re.M)
_SHOWN = (What.NOTICED, What.BROKEN)


def read(text: str) -> Pairs:
    """Read the pairs from the text of a page."""
    return {
        (rule, name): {what: set(re.findall(r"[\d.]+", cell)) for what, cell in zip(_SHOWN, cells, strict=True)}
        for rule, name, *cells in _ROW.findall(text)
    }


def merged(before: Pairs, verdicts: Iterable[Verdict], release: str, registry: Registry) -> Pairs:
    """Return the page's pairs, with the results of this run in place of earlier results for `release`."""
    now: Pairs = {}
    for pair in _declared(registry):
        old = before.get(pair, {})
        now[pair] = {what: old.get(what, set()) - {release} for what in _SHOWN}
    for one in verdicts:
        if one.what in _SHOWN:
            now[one.rule, one.mutant][one.what].add(release)
    return now


def _declared(registry: Registry) -> list[tuple[str, str]]:
    return [(rule, one.name) for one in registry for rule in one.rules]


def page(pairs: Pairs, registry: Registry, spec: Spec) -> str:
    """Return the page."""
    rules = [rule for rule in spec if registry.of_rule(rule.id)]
    lines = [HEAD, f"{len(registry.mutants)} mutants, {len(rules)} rules.\n", "## Which rule notices which mutant"]
    for area in dict.fromkeys(rule.area for rule in rules):
        lines += [
            f"\n### {spec.areas[area]}\n",
            "| rule | level | mutant | noticed on | broken by the release itself |",
        ]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(rule, one, pairs) for rule in rules if rule.area == area for one in registry.of_rule(rule.id)]
    lines += ["\n## What each mutant does"]
    for group, title in GROUPS.items():
        lines += [f"\n### {title}\n", "| mutant | what is broken |", "|---|---|"]
        lines += [f"| `{one.name}` | {one.says} |" for one in registry if one.group == group]
    return "\n".join(lines) + "\n"


def _row(rule: Rule, mutant: Mutant, pairs: Pairs) -> str:
    shown: Mapping[What, set[str]] = pairs.get((rule.id, mutant.name), {})
    cells = [", ".join(sorted(shown.get(what, ()), key=Version)) for what in _SHOWN]
    return f"| {rule.id} | {rule.level} | `{mutant.name}` | {' | '.join(cells)} |"


def gaps(pairs: Pairs, registry: Registry) -> list[str]:
    """Return the pairs that no release on the page has shown, one line each."""
    return [
        f"{rule} on {name} was shown on no release"
        for rule, name in _declared(registry)
        if not any(pairs.get((rule, name), {}).values())
    ]


def stale(text: str, registry: Registry) -> list[str]:
    """Return the differences between a page and the registry, one line each."""
    now, before = set(_declared(registry)), set(read(text))
    return [f"{rule} on {name} is not on the page" for rule, name in sorted(now - before)] + [
        f"{rule} on {name} is on the page, but is no more" for rule, name in sorted(before - now)
    ]
