"""docs/troubleshooting.md names rules that exist, and releases that the list of known failures names too."""

import re
from pathlib import Path

from conformance.known_failures import OF_KSERVE
from conformance.spec import current
from tools import links
from tools.known_failures_page import KnownFailuresPage

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text()


def test_every_rule_that_the_page_names_exists() -> None:
    named = set(re.findall(r"\b[A-Z]+-\d{3}\b", PAGE))
    assert len(named) > 50
    assert named <= current().rules.keys()


def test_every_rule_links_to_its_own_anchor() -> None:
    written = set(re.findall(r"\[[A-Z]+-\d{3}\]\([^)]*\)", PAGE))
    assert written == {links.rule(name) for name in re.findall(r"\[([A-Z]+-\d{3})\]", PAGE)}


def test_the_releases_are_those_of_the_list() -> None:
    """`[0.11.2 to 0.16.0](known-failures-kserve.md#flow-002)` is the range of an entry for FLOW-002."""
    listed = KnownFailuresPage(OF_KSERVE, current(), {})
    ranges = {(entry.rule.lower(), listed.range(about)) for entry, about in listed.entries.items()}
    shown = {(rule, text) for text, rule in re.findall(r"\[([^]]+)\]\(known-failures-kserve\.md#([a-z0-9-]+)\)", PAGE)}
    assert sorted(shown - ranges) == []
