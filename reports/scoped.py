"""What follows from a rule's profile, releases and features, in the spec and in the manifest alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet


class Scoped:
    """A rule's profile, the KServe releases for which it is in force, and the features that its cases need.

    features  optional feature -> patterns of the cases that need it.
    """

    profile: str
    kserve: SpecifierSet
    features: Mapping[str, Sequence[str]]

    def in_force(self, release: str) -> bool:
        """Return whether the rule is in force for KServe `release`."""
        return self.kserve.contains(release, prereleases=True)

    def feature_of(self, case: str) -> str:
        """Return the optional feature that a case of the rule needs; "" for none."""
        needed = (name for name, cases in self.features.items() if any(fnmatchcase(case, one) for one in cases))
        return next(needed, "")

    def profile_on(self, store: str | None) -> str:
        """Return the profile in which a case on the store counts; without a store, that of every store."""
        return f"{self.profile}/{store}" if store else self.profile
