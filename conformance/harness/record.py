"""The record of one case: the plugin and the fixtures write to it, and `conformance.harness.outcome` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from conformance.api.admission import EvidenceSource
from conformance.api.fetch import Fetch, Fetcher
from conformance.harness.items import case_of, rule_of, store_of
from conformance.spec import Rule
from reports.measurement import Measurement
from reports.model import Outcome


@dataclass
class CaseRecord:
    """What one case leaves behind, from its set-up to its clean-up.

    store         the name of the store; "" for a case that needs none.
    case          the id of the row of the test's table.
    test          the name of the test function.
    nodeid, name  pytest's names of the item.
    fetcher       the calls of the initializer; None before the first fixture asked for one.
    evidence      what the case saw on the cluster; None off the cluster.
    measurements  what the case measured.
    skipped       the outcome and the reason of a case that the plugin skipped; None for other cases.
    failed        whether a phase failed, unexpectedly.
    kept          whether the objects of the case stay in the cluster; None until the first clean-up asks.
    """

    rule: Rule
    store: str
    case: str
    test: str
    nodeid: str
    name: str
    fetcher: Fetcher | None = None
    evidence: EvidenceSource | None = None
    measurements: list[Measurement] = field(default_factory=list)
    skipped: tuple[Outcome, str] | None = None
    failed: bool = False
    kept: bool | None = None

    @property
    def fetches(self) -> Sequence[Fetch]:
        """The calls that the case made, in order."""
        return self.fetcher.fetches if self.fetcher else ()

    @property
    def secrets(self) -> set[str]:
        """The credentials that the suite planted for this case."""
        return {secret for fetch in self.fetches for secret in fetch.access.secrets}


_RECORD = pytest.StashKey[CaseRecord]()


def record_of(item: pytest.Item) -> CaseRecord:
    """The record of the case that `item` runs; a new one at the first call."""
    if _RECORD not in item.stash:
        test = getattr(item, "originalname", item.name)
        item.stash[_RECORD] = CaseRecord(
            rule_of(item), store_of(item) or "", case_of(item), test, item.nodeid, item.name
        )
    return item.stash[_RECORD]
