"""The features that an example for one store may have: all but those of the initializer's known failures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from conformance.known_failures import CaseKey, KnownFailure
from conformance.spec import Spec
from scenarios.stores import STORES
from scenarios.stores.base import Store


@dataclass(frozen=True)
class Feature:
    """A trait of an example, such as an empty file: the rule that demands its delivery, and the fixed case of it."""

    rule: str
    case: str = ""

    def __str__(self) -> str:
        return f"{self.rule} {self.case}".strip()


@dataclass
class Scope:
    """The store of an exploration, and the features that its examples may have.

    place  store, server, route and Python of the run, to match known failures. Its rule and case are not used.
    left   features that no further example may have: known failures, and what this exploration has found.
    """

    spec: Spec
    place: CaseKey
    known: Collection[KnownFailure] = ()
    left: dict[Feature, str] = field(default_factory=dict)

    @property
    def store(self) -> str:
        return self.place.store

    @property
    def kind(self) -> type[Store]:
        return STORES[self.store]

    def has(self, rule: str) -> bool:
        """Return whether the rule applies to the store."""
        return self.store in self.spec[rule].stores

    def may(self, rule: str, case: str = "") -> bool:
        """Return whether the rule applies to the store, and the initializer may be held to it."""
        return self.has(rule) and self.allows(Feature(rule, case))

    def allows(self, feature: Feature) -> bool:
        """Return whether examples may have the feature. Remembers why not, for the report."""
        if feature in self.left:
            return False
        entry = next((one for one in self.known if self._covers(one, feature)), None)
        if entry:
            self.left[feature] = "a known failure"
        return entry is None

    def exclude(self, feature: Feature) -> None:
        """Leave the feature out of further examples, because there is a finding about it."""
        self.left[feature] = "found"

    def _covers(self, entry: KnownFailure, feature: Feature) -> bool:
        """Return whether the entry lists the feature's rule here, for its case or for any if the feature names none."""
        place = self.place
        return (
            entry.rule == feature.rule
            and (not entry.stores or place.store in entry.stores)
            and (not entry.servers or place.server in entry.servers)
            and (not entry.routes or place.route in entry.routes)
            and entry.on(place.python)
            and (not entry.cases or not feature.case or any(fnmatchcase(feature.case, one) for one in entry.cases))
        )
