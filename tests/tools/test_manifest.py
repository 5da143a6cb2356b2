"""conformance/manifest.json: `test_pages.py` holds it against the tests; here, against the spec."""

from __future__ import annotations

from conformance.spec import current
from reports.installed import Installed


def test_every_rule_has_its_cases() -> None:
    """Those on a cluster too: a MUST has a case on each of its stores."""
    rules = Installed().rules
    assert rules.keys() == current().rules.keys()
    assert [name for name, rule in rules.items() if not rule.cases] == []
    pairs = {(name, case.store) for name, rule in rules.items() for case in rule.cases}
    assert {(rule.id, store) for rule, store in current().musts()} <= pairs


def test_a_case_is_named_as_pytest_names_it() -> None:
    """`verify --rerun` starts cases by this name."""
    (case,) = (case for case in Installed().rules["ARCH-001"].cases if (case.store, case.case) == ("s3", "tar"))
    assert case.node == "download/test_archives.py::test_a_single_archive_is_unpacked[s3-tar]"
