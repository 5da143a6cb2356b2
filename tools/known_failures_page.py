"""Generate docs/known-failures-kserve.md: every entry of KServe's list once, with the releases that it applies to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from conformance import known_failures
from conformance.known_failures import KnownFailure
from conformance.spec import Spec
from scenarios.initializers import known_releases
from tools import links

_HEAD = """# What KServe's releases are known to break

An entry is a rule that some releases break, with the stores, the reason and the release that fixed it. A run of the
suite expects these failures. A run that finds more, or fewer, fails. [How the lists work](known-failures.md).
"""


@dataclass(frozen=True)
class KnownFailuresPage:
    """The data of the page. `issues` maps each field report to its issue, or ""."""

    path: Path
    spec: Spec
    issues: Mapping[str, str]

    @cached_property
    def releases(self) -> Sequence[str]:
        """Return all releases, the oldest first."""
        return list(known_releases())

    @cached_property
    def entries(self) -> Mapping[KnownFailure, Sequence[str]]:
        """Map each entry to the releases that it applies to, sorted by rule and first release."""
        found: dict[KnownFailure, list[str]] = {}
        for release in self.releases:
            for entry in known_failures.load(self.path, self.spec, release):
                found.setdefault(entry, []).append(release)
        return dict(sorted(found.items(), key=lambda item: (item[0].rule, self.releases.index(item[1][0]))))

    def lines(self) -> Iterator[str]:
        """Yield the lines of the page."""
        yield from _HEAD.splitlines()
        yield from ("", "## Releases", "")
        yield from self._counts()
        yield from ("", "## Rules by release", "")
        yield "`x`: the release breaks the rule, on some store at least. The rule's id leads to its entries."
        yield from ("", *self._matrix())
        for area, entries in groupby(self.entries, key=lambda entry: self.spec[entry.rule].area):
            yield from ("", f"## {self.spec.areas[area]} ({area})", "")
            yield "| rule | stores | releases | only | defect | reference | fixed in |"
            yield "|---|---|---|---|---|---|---|"
            for _, same in groupby(entries, key=lambda entry: entry.rule):
                for number, entry in enumerate(same):
                    anchor = "" if number else f'<a id="{entry.rule.lower()}"></a>'
                    yield f"| {anchor}{' | '.join(map(links.cell, self._cells(entry)))} |"
        yield ""

    def _counts(self) -> Iterator[str]:
        drafts = known_failures.drafts(self.path)
        yield from ("| release | entries | rules | MUST rules | core rules | from |", "|---|---:|---:|---:|---:|---|")
        for release in reversed(self.releases):
            entries = [entry for entry, about in self.entries.items() if release in about]
            rules = [self.spec[name] for name in {entry.rule for entry in entries}]
            musts = sum(rule.level == "MUST" for rule in rules)
            core = sum(rule.core for rule in rules)
            held = "the releases beside it, until a whole run" if release in drafts else "a whole run"
            yield f"| {release} | {len(entries)} | {len(rules)} | {musts} | {core} | {held} |"

    def _matrix(self) -> Iterator[str]:
        newest_first = list(reversed(self.releases))
        yield f"| rule | {' | '.join(newest_first)} |"
        yield f"|---|{':-:|' * len(newest_first)}"
        for rule, entries in groupby(self.entries, key=lambda entry: entry.rule):
            broken = {release for entry in entries for release in self.entries[entry]}
            marks = ("x" if release in broken else "" for release in newest_first)
            yield f"| [{rule}](#{rule.lower()}) | {' | '.join(marks)} |"

    def _cells(self, entry: KnownFailure) -> Sequence[str]:
        everywhere = not entry.stores or entry.stores == set(self.spec[entry.rule].stores)
        return (
            links.rule(entry.rule),
            "all" if everywhere else ", ".join(sorted(entry.stores)),
            self.range(self.entries[entry]),
            "; ".join(_only(entry)),
            entry.reason,
            links.reference(entry.reference, self.issues),
            entry.fixed or "",
        )

    def range(self, about: Sequence[str]) -> str:
        """Return `all`, or the releases as ranges."""
        if len(about) == len(self.releases):
            return "all"
        runs: list[list[str]] = []
        for release in about:
            index = self.releases.index(release)
            if runs and self.releases[index - 1] == runs[-1][-1]:
                runs[-1].append(release)
            else:
                runs.append([release])
        return ", ".join(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _only(entry: KnownFailure) -> Iterator[str]:
    """Yield the conditions of the entry other than stores and releases."""
    named = {
        "cases": entry.cases,
        "tests": sorted(entry.tests),
        "servers": sorted(entry.servers),
        "routes": sorted(entry.routes),
        "installed by": sorted(entry.installs),
    }
    yield from (f"{kind} {', '.join(f'`{name}`' for name in names)}" for kind, names in named.items() if names)
    if str(entry.python):
        yield f"Python `{entry.python}`"
