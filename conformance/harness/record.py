"""The record of one case: the plugin and the fixtures write to it, and `conformance.harness.outcome` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import pytest

from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from conformance.harness.items import case_of, rule_of, store_of
from conformance.spec import Rule
from reports.exploration import Exploration
from reports.measurement import Measurement
from reports.model import Outcome
from scenarios.initializers.base import CallResult
from scenarios.network.view import Request


class EvidenceSource(Protocol):
    """Provides what a case observed on the cluster, for its report."""

    @property
    def deployment_mode(self) -> str:
        """Return the deployment mode of the case's last InferenceService; "" without one."""

    def describe(self) -> list[str]:
        """Return lines for the failure's message."""

    def evidence(self) -> list[tuple[str, str]]:
        """Return (title, text) pairs for the evidence file."""


class Explored(Protocol):
    """The exploration of an item (see `conformance.explore.explorer`)."""

    results: list[CallResult]
    secrets: set[str]

    def result(self) -> Exploration:
        """Return its findings so far."""


@dataclass
class CaseRecord:
    """The data of one case, from its setup to its teardown.

    store         the name of the store. "" for a case that needs none.
    case          the ID of the test's parameters.
    test          the name of the test function.
    nodeid, name  pytest's names of the item.
    fetcher       the calls of the initializer. None until a fixture requests one.
    evidence      what the case observed on the cluster. None without a cluster.
    measurements  what the case measured.
    explorer      the exploration of an item that explores. None for a case.
    skipped       the outcome and the reason of a case that the plugin skipped. None for other cases.
    failed        whether a phase failed unexpectedly.
    kept          whether the case's objects stay in the cluster. None until the first teardown that asks.
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
    explorer: Explored | None = None
    skipped: tuple[Outcome, str] | None = None
    failed: bool = False
    kept: bool | None = None

    @property
    def fetches(self) -> Sequence[Fetch]:
        """The case's calls, in order."""
        return self.fetcher.fetches if self.fetcher else ()

    @cached_property
    def requests(self) -> Sequence[Request]:
        """The requests to the case's store. The first use, after a failure, reads the gateway's log."""
        store = self.fetcher.store if self.fetcher else None
        return store.requests() if store else []

    @property
    def secrets(self) -> set[str]:
        """The credentials that the suite planted for this case."""
        return {secret for fetch in self.fetches for secret in fetch.access.secrets}


_RECORD = pytest.StashKey[CaseRecord]()


def record_of(item: pytest.Item) -> CaseRecord:
    """Return the record of the case that `item` runs. Creates it at the first call."""
    if _RECORD not in item.stash:
        test = getattr(item, "originalname", item.name)
        item.stash[_RECORD] = CaseRecord(
            rule_of(item), store_of(item) or "", case_of(item), test, item.nodeid, item.name
        )
    return item.stash[_RECORD]
