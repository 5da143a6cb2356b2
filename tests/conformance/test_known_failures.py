"""The list of known failures: what it covers, and which entries are refused."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from conformance import known_failures, spec
from conformance.known_failures import CaseKey, KnownFailuresError

TODAY = date(2026, 6, 1)
ENTRY = {
    "rule": "PLACE-002",
    "reason": "prefixes are strings",
    "reference": "https://issues.example/3776",
    "expires": date(2027, 1, 1),
}


def _write(folder: Path, *entries: dict[str, object]) -> Path:
    path = folder / "list.yaml"
    path.write_text(yaml.safe_dump({"initializer": "mine", "entries": list(entries)}))
    return path


def test_an_entry_covers_what_it_is_narrowed_to(tmp_path: Path) -> None:
    """Everything that is not narrowed is covered; cases are patterns."""
    narrowed = ENTRY | {"stores": ["s3"], "cases": ["tar*"], "servers": ["moto"], "routes": ["pod"]}
    narrowed |= {"installs": ["helm"], "python": "<3.11.13", "tests": ["test_it"]}
    (entry,) = known_failures.load(_write(tmp_path, narrowed), spec.current(), None, TODAY)
    covered = CaseKey("PLACE-002", "s3", "tar.gz", "moto", "pod", "helm", "3.11.7", "test_it")
    assert entry.covers(covered)
    others = {"rule": "PLACE-003", "store": "gcs", "case": "zip", "server": "minio", "route": "process"}
    for name, value in (others | {"install": "manifests", "python": "3.11.13", "test": "test_another"}).items():
        assert not entry.covers(replace(covered, **{name: value})), name


def test_a_release_has_its_own_list(tmp_path: Path) -> None:
    """One file serves every release line: an entry counts for the releases in its range."""
    path = _write(tmp_path, ENTRY | {"kserve": "<0.13", "fixed": "0.13.0"})
    assert known_failures.load(path, spec.current(), "0.11.2", TODAY)
    assert not known_failures.load(path, spec.current(), "0.13.1", TODAY)


def test_a_release_is_not_blamed_by_rules_that_came_later(tmp_path: Path) -> None:
    """CRED-021 is in force since 0.17; an entry without a range says nothing of the releases before."""
    path = _write(tmp_path, ENTRY | {"rule": "CRED-021"})
    assert known_failures.load(path, spec.current(), "0.17.0", TODAY)
    assert not known_failures.load(path, spec.current(), "0.16.0", TODAY)


def test_a_list_is_of_one_program(tmp_path: Path) -> None:
    """The list of another one declares nothing of this."""
    path = _write(tmp_path, ENTRY | {"reference": "reported to the vendor on 2026-05-31"})
    assert known_failures.load(path, spec.current(), None, TODAY, program="mine")
    assert known_failures.load(path, spec.current(), None, TODAY, program="mine-branch")
    with pytest.raises(KnownFailuresError, match=r"about mine, and this run tests yours: .*--initializer-name"):
        known_failures.load(path, spec.current(), None, TODAY, program="yours")


def test_the_suites_own_lists_declare_core_rules() -> None:
    """A release of KServe cannot be mended any more; its verdict counts that."""
    own = known_failures.load(known_failures.FOLDER / "kserve.yaml", spec.current(), None, date(2026, 11, 30))
    assert any(spec.current()[entry.rule].core for entry in own)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (ENTRY | {"rule": "PLACE-999"}, "unknown rule PLACE-999"),
        (ENTRY | {"stores": ["http"]}, "does not apply to http"),
        ({key: value for key, value in ENTRY.items() if key != "reason"}, "reason"),
        (ENTRY | {"reason": ""}, "reason"),
        ({key: value for key, value in ENTRY.items() if key != "reference"}, "reference"),
        ({key: value for key, value in ENTRY.items() if key != "expires"}, "never expires"),
        (ENTRY | {"expires": date(2026, 5, 31)}, "expired on 2026-05-31"),
        (ENTRY | {"since": "yesterday"}, "since"),
        (ENTRY | {"rule": "PLACE-001"}, "PLACE-001 is a core rule, which no list can declare"),
        (ENTRY | {"reference": "later"}, "give the URL of an issue"),
        (ENTRY | {"reference": "reported to the vendor on 2026-06-02"}, "a day that is past"),
        (ENTRY | {"expires": date(2099, 1, 1)}, "give a day within a year, 2027-06-02 at the latest"),
    ],
    ids=[
        *("unknown-rule", "store", "no-reason", "empty-reason", "no-reference", "no-expiry", "expired", "extra"),
        *("core", "vague-reference", "reported-tomorrow", "never-again"),
    ],
)
def test_a_bad_entry_is_refused(tmp_path: Path, entry: dict[str, object], complaint: str) -> None:
    with pytest.raises(KnownFailuresError, match=complaint):
        known_failures.load(_write(tmp_path, entry), spec.current(), None, TODAY)


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("entries: [")
    with pytest.raises(KnownFailuresError, match="cannot be read"):
        known_failures.load(path, spec.current(), None, TODAY)
    with pytest.raises(KnownFailuresError, match="cannot be read"):
        known_failures.load(tmp_path / "absent.yaml", spec.current(), None, TODAY)
