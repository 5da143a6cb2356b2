"""`--claims FILE`: what it reads, what it refuses, and runs that are held to claims."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clusters.kserve.releases import installable
from conformance import claims
from conformance.claims import FAMILIES, ClaimsError, default_container
from conformance.lint.upstream import Upstream
from conformance.spec import current
from reports import reader
from scenarios.initializers import known_releases
from scenarios.stores import STORES
from tests.suite_runs import INITIALIZERS, run

BASE: dict[str, Any] = {
    "name": "loader",
    "version": "1.0",
    "command": "/bin/true",
    "uris": [{"prefix": "kit://", "store": "s3"}],
    "features": ["archives"],
}


def _file(folder: Path, **changes: Any) -> Path:  # noqa: ANN401
    """Write BASE with changes; a key that is None is left out."""
    path = folder / "conformance.yaml"
    data = {key: value for key, value in (BASE | changes).items() if value is not None}
    path.write_text(yaml.safe_dump(data))
    return path


def _packed(folder: Path, *features: str) -> Path:
    """Claims of an initializer for local paths that leaves archives packed."""
    return _file(
        folder,
        command=f"{sys.executable} {INITIALIZERS / 'broken.py'} packed",
        uris=[{"prefix": "file://", "store": "local"}],
        profiles=["download"],
        features=list(features),
    )


def _refused(path: Path) -> str:
    with pytest.raises(ClaimsError) as refusal:
        claims.check(claims.read(path), current(), known_releases())
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


def test_the_schema_names_what_the_spec_has() -> None:
    """Editors complete these names; the loader refuses what the schema refuses."""
    schema = json.loads(claims.SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    keys = schema["properties"]
    assert keys["features"]["items"]["enum"] == list(current().features)
    assert keys["uris"]["items"]["properties"]["store"]["anyOf"][0]["enum"] == list(current().groups["all"])
    assert set(current().groups["all"]) <= set(STORES)
    assert keys["profiles"]["items"]["anyOf"][0]["enum"] == list(FAMILIES)
    assert {rule.profile for rule in current()} - set(FAMILIES) == {"injection", "flow", "llm", "cache"}


@pytest.mark.parametrize("release", [one for one in installable() if not one.startswith("0.11")])
def test_the_default_container_is_that_of_every_release(release: str) -> None:
    """Before 0.14, it did not take hf://."""
    later = [{"prefix": "hf://"}] if release < "0.14" else []
    assert [*Upstream.load(release).formats, *later] == (
        [one for one in default_container.FORMATS if one not in later] + later
    )


def test_a_file_with_every_key_is_read(tmp_path: Path) -> None:
    """Paths are those beside the file."""
    (tmp_path / "loader").touch()
    (tmp_path / "known.yaml").touch()
    path = _file(
        tmp_path, vendor="Example", image="registry.example/loader@sha256:00", command="./loader --quiet",
        show=["models"], plugins=["shelf.py", "shelves"], kserve="0.20.0", profiles=["download/s3", "faults"],
        environment={"THREADS": "4"}, resources={"limits": {"memory": "1Gi", "cpu": 1}},
        **{"known-failures": "known.yaml", "run-as-user": "1000", "default-container": "by-name"},
    )  # fmt: skip
    found = claims.read(path)
    claims.check(found, current(), known_releases())
    assert found.initializers == ["image:registry.example/loader@sha256:00", f"command:{tmp_path}/loader --quiet"]
    assert (found.stores, found.show, found.plugins) == (
        ["s3"],
        (f"{tmp_path}/models",),
        (f"{tmp_path}/shelf.py", "shelves"),
    )
    assert found.known_failures == f"{tmp_path}/known.yaml"
    assert found.resources == {"limits": {"memory": "1Gi", "cpu": "1"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"nme": "x"}, "nme: unknown key; did you mean name?"),
        ({"name": None}, "name: is missing; add it"),
        ({"name": "kserve"}, "name: this name is KServe's own; use another name"),
        ({"version": 1.1}, "version: 1.1 is not a text; quote it"),
        ({"command": None}, "has neither image nor command; add one of them"),
        ({"command": "a 'b"}, "command: No closing quotation; quote it as for a shell"),
        ({"uris": []}, "uris: [] does not fit"),
        ({"uris": [{"prefix": "s3", "store": "s3"}]}, "uris[0].prefix: 's3' does not fit: As in supportedUriFormats"),
        ({"uris": [{"prefix": "kit://", "store": "s33"}]}, "uris[0].store: unknown store 's33'; did you mean s3?"),
        ({"uris": [dict(BASE["uris"][0]), dict(BASE["uris"][0])]}, "uris: an entry is there twice"),
        ({"uris": [{"prefix": "s3://", "store": "s3"}]}, "uris[0].prefix: KServe's own storage container `default`"),
        ({"uris": [{"prefix": "s3://mine", "store": "s3"}]}, "uris[0].prefix: KServe's own storage container"),
        ({"uris": [{"prefix": "https://x/", "store": "http"}]}, "uris[0].prefix: KServe's own storage container"),
        ({"default-container": "gone"}, "default-container: unknown value 'gone'; use one of disabled, by-name"),
        ({"features": None}, "features: is missing"),
        ({"features": "archives"}, "features: 'archives' is not a list"),
        ({"features": ["archive"]}, "features[0]: unknown value 'archive'; did you mean archives?"),
        ({"features": ["archives", "archives"]}, "features: an entry is there twice"),
        ({"features": ["git-lfs"]}, "features: no rule on s3 needs git-lfs"),
        ({"profiles": ["injection"]}, "profiles[0]: 'injection' does not fit: download, faults"),
        ({"profiles": ["flow/s3"]}, "profiles[0]: unknown profile flow/s3; use one of download"),
        ({"profiles": ["download/gcs"]}, "profiles[0]: no URI has the store gcs; use one of s3"),
        ({"kserve": "0.1.0"}, "kserve: unknown release 0.1.0; use one of"),
        ({"environment": {"A": 1}}, "environment.A: 1 is not a text; quote it"),
        ({"resources": {"limit": {"cpu": 1}}}, "resources.limit: unknown key; did you mean limits?"),
        ({"resources": {"limits": {"memory": "1 GB"}}}, "resources.limits.memory: '1 GB' does not fit"),
        ({"known-failures": "none.yaml"}, "no such file; write the list, or remove the key"),
    ],
    ids=str,
)
def test_claims_that_are_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    """One line with the file, the key and the remedy."""
    assert expected in _refused(_file(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "None is not a mapping"),
        ("- name\n", "is not a mapping"),
        ("{", "is no YAML"),
        ("[" * 5000, "is no YAML"),
        ("name: a\nname: b\n", "name: the key is there twice; remove one of them"),
        ("uris: [{store: s3, store: hf}]\n", "uris[0].store: the key is there twice"),
        ("a: &a [*a]\n", "has an alias (*name); write the value itself"),
        ("name: !!python/object/apply:os.system [exit]\n", "is no YAML"),
        ("name: 2026-99-99\n", "is no YAML"),
        ("#" * 70000, "has more than 65536 characters"),
        (b"\xff\xfe\x00", "cannot be read: it is not UTF-8"),
    ],
    ids=range(11),
)
def test_files_that_are_no_claims(tmp_path: Path, text: str | bytes, expected: str) -> None:
    """Nothing in the file is executed or expanded."""
    path = tmp_path / "conformance.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert expected in _refused(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "`python -m conformance init` writes a first one" in _refused(tmp_path / "none.yaml")


def test_an_overlap_that_users_prevent(tmp_path: Path) -> None:
    path = _file(tmp_path, uris=[{"prefix": "s3://", "store": "s3"}], **{"default-container": "disabled"})
    claims.check(claims.read(path), current(), known_releases())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--initializer", "command:/bin/false"], "--initializer command:/bin/false: "),
        (["--initializer-name", "other"], "--initializer-name other: "),
        (["--store", "gcs"], "--store gcs: "),
        (["--profile", "faults"], "--profile faults: "),
        (["--kserve", "0.19.0"], "--kserve 0.19.0: "),
        (["--run-as-user", "5"], "--run-as-user works only with image:REF"),
        (["--claims", "none.yaml"], "none.yaml: cannot be read"),
        (["--claims", ""], "--claims is empty"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_options_that_contradict_the_claims(tmp_path: Path, options: list[str], expected: str) -> None:
    """The run does not start; the line has the option, the claim and the remedy."""
    path = _file(tmp_path, profiles=["download"], kserve="0.20.0")
    done = run(tmp_path, "--claims", str(path), *options)
    assert done.code == 4, done.text
    assert expected in done.text.strip().splitlines()[-1]


def test_the_claimed_command_from_another_folder(tmp_path: Path) -> None:
    """The claims give it from their own folder, the option from that of the run."""
    program = tmp_path / "beside" / "loader.py"
    program.parent.mkdir()
    program.write_text("raise SystemExit(1)\n")
    image = "registry.example/loader:1"
    local = [{"prefix": "file://", "store": "local"}]
    path = _file(program.parent, image=image, command=f"{sys.executable} ./loader.py", uris=local, features=[])
    chosen = f"command:{sys.executable} beside/loader.py"
    done = run(tmp_path, "--claims", str(path), "--initializer", chosen, "--rule", "PLACE-001")
    assert done.report["initializer"]["spec"] == f"command:{sys.executable} {program}", done.text


def test_a_known_failure_of_an_unclaimed_feature_is_refused(tmp_path: Path) -> None:
    """It could excuse nothing."""
    entry = {
        "rule": "ARCH-001",
        "reason": "it unpacks nothing",
        "reference": "https://example.org/1",
        "expires": "2027-01-01",
    }
    (tmp_path / "known.yaml").write_text(yaml.safe_dump({"initializer": "loader", "entries": [entry]}))
    done = run(tmp_path, "--claims", str(_file(tmp_path, features=[], **{"known-failures": "known.yaml"})))
    assert done.code == 4, done.text
    assert "ARCH-001 needs the feature archives, which" in done.text.strip().splitlines()[-1]


def test_an_initializer_without_archives_is_conformant_if_it_claims_none(tmp_path: Path) -> None:
    """Its failures are unsupported, the report shows what they showed, and nothing else changes."""
    path = _packed(tmp_path, "patterns")
    done = run(tmp_path, "--claims", str(path), "-n", "2")
    assert done.code == 0, done.text
    assert done.verdicts() == {"download/local": "conformant"}
    assert done.outcomes("ARCH-001") == {"unsupported"}
    (first, *_) = [one for one in done.report["results"] if one["rule"] == "ARCH-001"]
    assert (first["needs"], first["if_claimed"]) == ("archives", "failed")
    assert first["reason"] == "feature archives is not claimed"
    assert f"--claims={path}" in first["reproduce"]
    features = {one["name"]: (one["claimed"], one["observed"]) for one in done.report["features"]}
    assert features["patterns"] == (True, "works")
    assert features["archives"] == (False, "does not work")
    assert features["several-pairs"] == (False, "works")
    assert done.report["claims"]["content"] == path.read_text()
    assert "cases passed (you may claim it)" in " ".join(done.text.split())
    reader.check(done.reports / "report.json")
    assert "you may claim it" in (done.reports / "report.html").read_text()


def test_the_same_initializer_fails_if_it_claims_archives(tmp_path: Path) -> None:
    done = run(tmp_path, "--claims", str(_packed(tmp_path, "archives")), "--rule", "ARCH-001,ARCH-002")
    assert done.code == 1, done.text
    assert "failed" in done.outcomes("ARCH-001")
    assert done.verdicts() == {"download/local": "nonconformant"}


def test_the_environment_of_the_claims_reaches_every_call(tmp_path: Path) -> None:
    """Without this pattern the whole tree arrives."""
    path = _packed(tmp_path)
    path.write_text(path.read_text() + 'environment: {STORAGE_IGNORE_PATTERNS: "*"}\n')
    done = run(tmp_path, "--claims", str(path), "--rule", "PLACE-001")
    assert done.outcomes("PLACE-001") == {"failed"}, done.text
