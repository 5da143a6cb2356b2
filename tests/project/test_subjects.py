"""The comparison with what people found right, and the verdict on programs that cheat."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conformance import claims
from conformance.spec import current
from reports.model import Level, Outcome, Result
from scenarios.initializers import known_releases
from tests.anti_subjects.__main__ import verdict
from tests.anti_subjects.registry import Cheat
from tests.subjects.audit import Audit, AuditError, Expected, load
from tests.subjects.programs import CERTIFIED, EXAMPLES, PROGRAMS

SPEC = current()
PASSED = Result(
    rule="ERR-001",
    level=Level.MUST,
    profile="download/s3",
    test="test_what_does_not_exist",
    case="absent",
    store="s3",
    server="moto",
    route="process",
    outcome=Outcome.PASSED,
    duration_s=0.1,
)
FAILED = replace(PASSED, outcome=Outcome.FAILED, message="problem: exit code 0\n\ncall: x")
ENTRY = Expected("ERR-*", "test_what*", Outcome.FAILED, "it ends with 0")
GOOD = """
quick: [ERR-001]
profiles:
  download/s3:
    - {rule: ERR-001, outcome: failed, reason: it ends with 0}
"""


def audit(*entries: Expected) -> Audit:
    """What is expected of a program on one profile."""
    return Audit(["ERR-001"], {"download": [], "download/s3": entries})


def test_what_is_as_expected() -> None:
    """A case that fails as it should, and one that passes because nothing else is known of it."""
    assert list(audit(ENTRY).differences([FAILED], whole=True)) == []
    assert list(audit().differences([PASSED], whole=True)) == []


def test_what_is_not_as_expected() -> None:
    """Each case has a line with both outcomes."""
    case = "download/s3 ERR-001 test_what_does_not_exist[absent]"
    assert list(audit(ENTRY).differences([PASSED], whole=True)) == [f"{case}: passed, {ENTRY}"]
    assert list(audit().differences([FAILED], whole=True)) == [f"{case}: failed, expected passed: exit code 0"]


def test_the_first_entry_counts() -> None:
    """A narrow pattern goes before a wide one."""
    narrow = Expected("ERR-001", "test_what_does_not_exist[absent]", Outcome.UNSUPPORTED, "of this row alone")
    other = replace(FAILED, case="other")
    row = replace(FAILED, outcome=Outcome.UNSUPPORTED)
    assert list(audit(narrow, ENTRY).differences([row, other], whole=True)) == []


def test_an_entry_without_a_case() -> None:
    """Seen by a whole run only: a quick one has few cases."""
    assert list(audit(ENTRY).differences([], whole=False)) == []
    assert list(audit(ENTRY).differences([], whole=True)) == [f"download/s3 ERR-* test_what*: no such case, {ENTRY}"]


def test_rules_without_a_store_are_not_asked_for() -> None:
    """They come with each profile on a store."""
    assert audit().claimed == ["download/s3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quick: []\nprofiles: {}\n", r"\$\.(quick|profiles): .*(empty|short|properties)"),
        (GOOD.replace("download/s3", "download/s4"), "no such profile: download/s4"),
        (GOOD.replace("quick: [ERR-001]", "quick: [ERR-999]"), "no such rule: ERR-999"),
        (GOOD.replace("outcome: failed", "outcome: passed"), "'passed' is not one of"),
        (GOOD.replace("reason: it ends with 0", "note: x"), "reason.*required|Additional properties"),
        ("quick: [", "while parsing"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    """One line names the file and the place."""
    path = tmp_path / "expected.yaml"
    path.write_text(text)
    with pytest.raises(AuditError, match=message) as refusal:
        load(path, SPEC)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_every_example_is_a_subject() -> None:
    """Each has a program, a page, and outcomes that the spec knows, or claims that a test of its own reads."""
    assert {path.name for path in EXAMPLES.iterdir()} == set(PROGRAMS) | CERTIFIED
    for name in CERTIFIED:
        assert (EXAMPLES / name / "README.md").is_file()
        assert claims.read(EXAMPLES / name / "conformance.yaml").features
    for name in PROGRAMS:
        assert load(EXAMPLES / name / "expected.yaml", SPEC).claimed
        assert (EXAMPLES / name / "README.md").is_file()


def cheat(unnoticed: str = "") -> Cheat:
    """One that ERR-001 has to notice, and that passes no case of ERR-002."""
    return Cheat("Nothing", dict, ("ERR-001",), ("s3",), barred=("ERR-002",), unnoticed=unnoticed)


def test_a_cheat_that_is_noticed() -> None:
    """The rule failed, and what may not pass did not run."""
    barred = replace(PASSED, rule="ERR-002", outcome=Outcome.NOT_RUN)
    assert verdict(cheat(), [FAILED, barred], SPEC).wrong == []


def test_a_cheat_that_is_not_noticed() -> None:
    """A rule that has to fail passes; so does one that may not."""
    passed = [PASSED, replace(PASSED, rule="ERR-002")]
    assert verdict(cheat(), passed, SPEC).wrong == [
        "ERR-001 on s3 did not notice: 1 passed",
        "ERR-002 passed a case of it",
    ]


def test_a_cheat_that_is_known_to_be_unnoticed() -> None:
    """As with known failures: it is wrong as soon as a rule notices."""
    assert verdict(cheat("no rule looks"), [PASSED], SPEC).wrong == []
    assert verdict(cheat("no rule looks"), [FAILED], SPEC).wrong == ["ERR-001 notices it now: take `unnoticed` away"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_claims_the_features_that_work(name: str) -> None:
    """`examples/NAME/conformance.yaml` claims a feature if people found that all of its cases pass, and only then."""
    found = claims.read(EXAMPLES / name / "conformance.yaml")
    claims.check(found, SPEC, known_releases())
    profiles = load(EXAMPLES / name / "expected.yaml", SPEC).profiles
    judged = [(rule, rule.profile_on(store)) for rule in SPEC for store in rule.stores]
    judged = [(rule, profile) for rule, profile in judged if profile in profiles]
    lacks = {
        feature
        for rule, profile in judged
        for feature in rule.features
        if any(fnmatchcase(rule.id, entry.rule) for entry in profiles[profile])
    }
    assert found.features == {feature for rule, _ in judged for feature in rule.features} - lacks
    assert found.name == name
    assert set(found.profiles) == {profile.partition("/")[0] for profile in profiles}
