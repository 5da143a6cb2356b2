"""Mutants on the store of a plugin: which run there, and what an unnoticed one means."""

from __future__ import annotations

from reports.model import Outcome
from tests.mutants import plugged
from tests.project.test_mutants import SPEC, declared, only, result


def test_a_mutant_moves_with_the_rules_that_apply() -> None:
    """ARCH-001 is not about oci."""
    found = only(declared("PLACE-001", "ARCH-001", stores=("s3",))).moved_to(["oci"], SPEC)
    assert found is not None
    assert (found.rules, found.stores) == (("PLACE-001",), ("oci",))
    assert only(declared("ARCH-001")).moved_to(["oci"], SPEC) is None


def test_a_mutant_of_other_stores_may_stay_unnoticed() -> None:
    """Its defect may be in the client of these stores. A mutant of all stores has to be noticed."""
    known = declared("PLACE-001", stores=("s3",))
    assert plugged.elsewhere(known) == {"harmless"}
    assert plugged.elsewhere(declared("PLACE-001")) == set()
    passed = [result("PLACE-001", "s3", Outcome.PASSED)]
    assert plugged.judge_leniently(["harmless"], only(known), passed, SPEC).killed
    assert not plugged.judge_leniently([], only(known), passed, SPEC).killed


def test_rules_without_a_proof() -> None:
    """A rule that noticed no mutant is named."""
    mutant = only(declared("PLACE-001", "PLACE-009", stores=("s3",)))
    noticed = [result("PLACE-001", "s3", Outcome.FAILED), result("PLACE-009", "s3", Outcome.PASSED)]
    verdict = plugged.judge_leniently(["harmless"], mutant, noticed, SPEC)
    assert plugged.unproven([verdict], [mutant]) == ["without a proof on these stores: PLACE-009"]
    assert plugged.unproven([verdict], [only(declared("PLACE-001"))]) == []


def test_cases_that_the_store_cannot_play() -> None:
    """They are nothing against the reference."""
    silent = result("CRED-041", "oras", Outcome.NOT_RUN)
    failed = result("PLACE-001", "oras", Outcome.FAILED)
    assert plugged.played([silent, failed]) == [failed]
