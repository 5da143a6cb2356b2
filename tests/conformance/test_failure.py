"""The text of a failure: what KServe's own releases do with the rule."""

from __future__ import annotations

from conformance.harness.failure import upstream


def test_a_listed_case_names_releases_and_reason() -> None:
    """A vendor sees that KServe had the same trouble, and where it is tracked."""
    blank, line = upstream("PLACE-004", "azure-blob", "")
    assert blank == ""
    assert line.startswith("KServe <0.13 breaks this rule here too: ")
    assert line.endswith("(kserve#3501)")


def test_a_case_that_kserve_keeps_has_no_line() -> None:
    """The rule and the store have entries, but none for this case; or none at all."""
    assert upstream("ARCH-005", "s3", "tar") == []
    assert upstream("PLACE-004", "local", "") == []
