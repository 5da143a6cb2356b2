"""The loader of the spec: what it reads, and what it refuses."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import pytest
import yaml

from conformance import spec
from conformance.harness import selection
from conformance.spec import SpecError
from scenarios.stores import STORES, Store

HEAD = {
    "version": "1.0",
    "stores": {"s3": ["files"], "hf": []},
    "groups": {"files": "A single file can be fetched."},
    "causes": {"not-found": ["not found", "missing"]},
    "exclusive": {},
}
FEATURES = {"archives": "The initializer unpacks archives."}
RULE = {
    "id": "ERR-001",
    "title": "A title",
    "statement": "A sentence that says what must hold.",
    "level": "MUST",
    "stores": ["all"],
    "references": ["#1"],
}


def _write(folder: Path, *rules: Mapping[str, object], area: str = "ERR") -> Path:
    (folder / "spec.yaml").write_text(yaml.safe_dump(HEAD))
    (folder / "errors.yaml").write_text(
        yaml.safe_dump({"area": area, "title": "Errors", "rules": [dict(rule) for rule in rules]})
    )
    return folder


def test_the_suites_own_spec_loads() -> None:
    """Rules of every area of the download profile, and of the injection, which needs no store."""
    current = spec.current()
    download = {rule.area for rule in current if rule.profile == "download"}
    assert download == {"PLACE", "ARCH", "CONTRACT", "ERR", "CRED", "HUB", "IDENT", "LIST", "NET", "MR", "WEB", "GIT"}
    assert {"INJECT", "NS", "PVC", "CSC"} <= set(current.areas)
    assert not [rule.id for rule in current if rule.profile == "injection" and rule.stores]


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((spec.FOLDER / "schema.json").read_text()))


@pytest.mark.parametrize(
    ("names", "stores"), [(["all"], ("hf", "s3")), (["files"], ("s3",)), (["hf", "files"], ("hf", "s3"))]
)
def test_groups_of_stores_are_expanded(tmp_path: Path, names: list[str], stores: tuple[str, ...]) -> None:
    assert spec.load(_write(tmp_path, RULE | {"stores": names}))["ERR-001"].stores == stores


def test_a_group_without_a_meaning_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HEAD, "stores", {"s3": ["fils"]})
    with pytest.raises(SpecError, match="s3 joins an unknown group fils"):
        spec.load(_write(tmp_path, RULE))


def test_rules_name_groups() -> None:
    """A rule about several stores names their group: a store that joins it meets the rule without another edit."""
    own = set(spec.current().groups["all"])
    rules = [rule for path in spec.FOLDER.glob("*.yaml") for rule in yaml.safe_load(path.read_text()).get("rules", [])]
    assert not {rule["id"]: rule["stores"] for rule in rules if len(own & set(rule["stores"])) > 1}


def test_groups_are_what_stores_can() -> None:
    """A store of a group has what the tests of its rules ask for."""
    can: dict[str, Callable[[type[Store]], object]] = {
        "objects": lambda kind: kind.lists_keys,
        "trees": lambda kind: kind.folders,
        "volumes": lambda kind: kind.mount,
        "listed": lambda kind: kind.expiry and kind.served_at is not Store.served_at,
        "parts": lambda kind: kind.malformed,
        "tagged": lambda kind: kind.at_revision is not Store.at_revision,
        "keyless": lambda kind: kind.identities,
        "presigned": lambda kind: kind.presigned is not Store.presigned,
        "userinfo": lambda kind: kind.with_login is not Store.with_login,
        "concurrent": lambda kind: kind.concurrency,
        "measured": lambda kind: kind.client,
    }
    found = {group: {name for name, kind in STORES.items() if able(kind)} for group, able in can.items()}
    assert found == {group: set(spec.current().groups[group]) for group in can}


def test_the_digest_follows_the_rules(tmp_path: Path) -> None:
    """Two specs that differ in one word differ in their digest."""
    first = spec.load(_write(tmp_path, RULE)).digest
    second = spec.load(_write(tmp_path, RULE | {"title": "Another title"})).digest
    assert first != second


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (RULE | {"level": "PERHAPS"}, "PERHAPS"),
        (RULE | {"id": "error-1"}, "error-1"),
        (RULE | {"id": "PLACE-001"}, "does not belong to area ERR"),
        (RULE | {"stores": ["ftp"]}, "unknown store: ftp"),
        (RULE | {"cause": "weather"}, "unknown cause: weather"),
        (RULE | {"feature": "wings"}, "unknown feature: wings"),
        (RULE | {"feature": {"archives": []}}, "feature"),
        (RULE | {"feature": "archives", "core": True}, "a core rule holds for every initializer"),
        (RULE | {"colour": "blue"}, "colour"),
        ({key: value for key, value in RULE.items() if key != "statement"}, "statement"),
    ],
    ids=["level", "id", "area", "store", "cause", "feature", "cases", "core", "extra", "missing"],
)
def test_a_broken_rule_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: Mapping[str, object], complaint: str
) -> None:
    if "feature" in rule:
        monkeypatch.setitem(HEAD, "features", FEATURES)
    with pytest.raises(SpecError, match=complaint):
        spec.load(_write(tmp_path, rule))


def test_a_feature_that_no_rule_needs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HEAD, "features", FEATURES)
    with pytest.raises(SpecError, match="no rule needs the feature archives"):
        spec.load(_write(tmp_path, RULE))


def test_some_cases_need_a_feature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others hold for every initializer."""
    monkeypatch.setitem(HEAD, "features", FEATURES)
    rule = spec.load(_write(tmp_path, RULE | {"feature": {"archives": ["zip-*"]}}))["ERR-001"]
    assert [rule.feature_of(case) for case in ("zip-small", "tar", "")] == ["archives", "", ""]


def test_a_cause_with_a_broken_alternative_is_refused(tmp_path: Path) -> None:
    """The one alternative is named, not the whole list."""
    folder = _write(tmp_path, RULE)
    (folder / "spec.yaml").write_text(yaml.safe_dump(HEAD | {"causes": {"not-found": ["missing", "no such ("]}}))
    with pytest.raises(SpecError, match="'no such \\(' is no regular expression"):
        spec.load(folder)


def test_an_id_is_never_used_twice(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="used twice"):
        spec.load(_write(tmp_path, RULE, RULE))


def test_a_rule_is_in_force_for_its_releases(tmp_path: Path) -> None:
    rule = spec.load(_write(tmp_path, RULE | {"kserve": ">=0.16"}))["ERR-001"]
    assert rule.in_force("0.16.0")
    assert not rule.in_force("0.15.2")


def test_the_first_message_that_fits_is_the_exact_one(tmp_path: Path) -> None:
    """By release, store and case; none where only the meaning is prescribed."""
    messages = [
        {"stores": ["s3"], "kserve": "<0.17", "text": "old"},
        {"stores": ["s3"], "cases": ["file"], "text": "new file"},
    ]
    rule = spec.load(_write(tmp_path, RULE | {"messages": messages}))["ERR-001"]
    assert rule.message("0.16.0", "s3", "") == "old"
    assert rule.message("0.17.0", "s3", "file") == "new file"
    assert rule.message("0.17.0", "s3", "folder") is None
    assert rule.message("0.16.0", "hf", "") is None


def test_a_rule_on_a_store_that_no_test_checks_is_refused() -> None:
    """It would be left out of every run, and its profile never be complete."""
    with pytest.raises(pytest.UsageError, match=r"no test checks .*PLACE-001 on s3"):
        selection.check([], spec.current(), whole=True)
    selection.check([], spec.current(), whole=False)


def test_a_run_without_a_cluster_needs_no_test_of_injection() -> None:
    """It does not collect the folders of the profiles `injection` and `flow`."""
    with pytest.raises(pytest.UsageError) as refused:
        selection.check([], spec.current(), whole=True, without=selection.CLUSTER_FOLDERS)
    assert "PLACE-001 on s3" in str(refused.value)
    assert "INJECT-001" not in str(refused.value)


def test_a_case_of_a_feature_that_no_test_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renamed case would need no feature any more, without anybody's decision."""
    monkeypatch.setitem(HEAD, "features", FEATURES)
    rules = spec.load(_write(tmp_path, RULE | {"level": "SHOULD", "feature": {"archives": ["zip"]}}))
    with pytest.raises(pytest.UsageError, match="no test of ERR-001 has a case zip, which needs a feature"):
        selection.check([], rules, whole=True)
