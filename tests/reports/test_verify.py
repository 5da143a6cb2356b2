"""`python -m reports verify`: tampering fails a check by name, and a consistent forgery is called unsigned."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.__main__ import main
from reports.model import KnownFailureList, Level, Outcome, Report, Verdict, digest
from tests.genuine_report import BROKEN, MODE, SUITE, claiming, follow, forge, genuine, save

NO_DIGEST = "sha256:" + "0" * 64
HERE, CHANGED = SUITE.suite.commit, "a" * 40 + "-dirty"
Edit = Callable[[dict[str, Any]], object]
Data = dict[str, Any]


def _verify(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[int, str]:
    status = main(["verify", str(path), *options])
    return status, capsys.readouterr().out


def _failed(output: str) -> list[str]:
    return [line[8:24].strip() for line in output.splitlines() if line.startswith("FAILED")]


def test_a_genuine_report_is_consistent_and_unsigned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, output = _verify(capsys, save(genuine("pvc", "http"), tmp_path))
    assert status == 0
    assert "\nconsistent, unsigned\n" in output
    assert "Only a repeated run proves the result" in output


def test_a_genuine_report_with_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cases of features that are not claimed are unsupported."""
    status, output = _verify(capsys, save(follow(forge(genuine("http"), _claim)), tmp_path))
    assert (status, _failed(output)) == (0, [])
    assert "ok      claims          c.yaml with the digest" in output


def test_a_forged_but_consistent_report_is_called_unsigned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All failures turned to passes, with verdicts and digest made anew: nothing but a repeated run can show it."""
    honest = genuine("http", broken=BROKEN)
    assert {profile.verdict for profile in honest.profiles} >= {Verdict.NONCONFORMANT}
    results = tuple(replace(one, outcome=Outcome.PASSED, message="") for one in honest.results)
    status, output = _verify(capsys, save(follow(replace(honest, results=results)), tmp_path))
    assert (status, _failed(output)) == (0, [])
    assert "\nconsistent, unsigned\n" in output
    assert "nothing proves who made it" in output


def _results_of(data: Data, rule: str = BROKEN) -> list[Data]:
    return [one for one in data["results"] if one["rule"] == rule]


def _pass(data: Data) -> None:
    for one in _results_of(data):
        one["outcome"] = "passed"


def _remove(data: Data) -> None:
    data["results"] = [one for one in data["results"] if one["rule"] != BROKEN]
    data["rules"] = [one for one in data["rules"] if one["id"] != BROKEN]


def _remove_some(data: Data) -> None:
    """One case stays, so that the rule still has a result on the store."""
    data["results"] = [one for one in data["results"] if one["outcome"] != "failed"][:-30]


def _lower(data: Data) -> None:
    for one in [*_results_of(data), *(rule for rule in data["rules"] if rule["id"] == BROKEN)]:
        one.update(level="SHOULD", core=False)


def _lower_results(data: Data) -> None:
    for one in _results_of(data):
        one["level"] = "SHOULD"


def _unlist(data: Data) -> None:
    """A failure of a core rule that is passed off as a known failure of an ordinary one."""
    for one in _results_of(data):
        one.update(outcome="known-failure", reason="known", reference="https://example.com/1", core=False)


def _server(data: Data) -> dict[str, Data]:
    return {one["store"]: one for one in data["environment"]["servers"]}


def _plugin(data: Data, store: str) -> None:
    data["environment"]["plugins"] = [{"name": "kit", "digest": "sha256:" + "0" * 64, "stores": [store]}]


def _excuse(data: Data) -> None:
    excused = next(one for one in data["results"] if not one["core"] and one["outcome"] == "passed")
    excused.update(outcome="known-failure", message="broken", reason="known", reference="https://example.com/1")


def _claim(data: Data, *, claimed: bool = True) -> None:
    """Claims of a container that unpacks archives; the table of features agrees if `claimed`."""
    content = "features: [archives]\n"
    data["claims"] = {"file": "c.yaml", "sha256": hashlib.sha256(content.encode()).hexdigest(), "content": content}
    for one in data["features"]:
        one["claimed"] = claimed and one["name"] == "archives"
    for one in data["results"]:
        if one["needs"] not in {"", "archives"} and one["outcome"] != "unsupported":
            one.update(if_claimed=one["outcome"], outcome="unsupported", message="", reason="it is not claimed")


def _unclaim(data: Data) -> None:
    """A failure that is passed off as one of a feature that is not claimed."""
    _claim(data)
    for one in _results_of(data):
        one.update(outcome="unsupported", message="", reason="it is not claimed", needs="tuning", if_claimed="failed")


def _forget_claims(data: Data) -> None:
    _claim(data)
    del data["claims"]


def _edit_claims(data: Data) -> None:
    _claim(data)
    data["claims"]["content"] = "features: []\n"


def _uncount(data: Data) -> None:
    """A case of a claimed feature that counts for nothing."""
    _claim(data)
    one = next(one for one in data["results"] if one["needs"] == "archives")
    one.update(outcome="unsupported", reason="it is not claimed", if_claimed="failed")


def _spare(data: Data) -> None:
    """A claimed feature without cases, so that nothing has to exercise it."""
    _claim(data)
    next(one for one in data["features"] if one["name"] == "archives")["profiles"] = []


#: What somebody did to the report of a failed run, the check that fails, and its reason. The footer was made anew.
FORGERIES: list[tuple[str, Edit, str, str]] = [
    ("failures turned to passes", _pass, "outcomes", "is passed with a message"),
    ("a failed rule removed", _remove, "completeness", BROKEN),
    ("cases removed", _remove_some, "completeness", "are absent"),
    ("a MUST lowered to SHOULD", _lower, "rules", BROKEN),
    ("the level of results lowered", _lower_results, "levels", BROKEN),
    ("a core rule declared a known failure", _unlist, "levels", BROKEN),
    ("another statement", lambda d: d["rules"][0].update(statement="Anything goes."), "rules", "differ in"),
    ("a case that no suite has", lambda d: d["results"][0].update(test="test_easy"), "rules", "no such case"),
    ("a case in another profile", lambda d: d["results"][0].update(profile="download/s3"), "rules", "no such case"),
    ("a case twice", lambda d: d["results"].append(d["results"][0]), "cases", "contains a case twice"),
    ("another suite", lambda d: d["suite"].update(name="easy-suite"), "suite", "easy-suite"),
    ("a fork of the suite", lambda d: d["suite"].update(build=NO_DIGEST, commit=HERE), "suite", "other files"),
    ("a fork of the package", lambda d: d["suite"].update(build=NO_DIGEST, commit=""), "suite", "other files"),
    ("a changed suite", lambda d: d["suite"].update(build=NO_DIGEST, commit=CHANGED), "suite", "of any commit"),
    ("another spec", lambda d: d["spec"].update(digest="sha256:" + "0" * 64), "spec", "another spec"),
    ("a stand-in called real", lambda d: _server(d)["http"].update(fidelity="real"), "servers", "no real server"),
    ("a server that did not run", lambda d: _server(d)["http"].update(store="s3"), "servers", "is no"),
    ("no digest of the program", lambda d: d["initializer"].update(digest=""), "initializer", "no digest"),
    ("an impossible release", lambda d: d.update(kserve="newest"), "kserve", "newest is no release"),
    ("a plugin for a built-in store", lambda d: _plugin(d, "http"), "rules", "redefine http"),
    ("failures passed off as unclaimed", _unclaim, "features", "names other features for CONTRACT-003"),
    ("unclaimed cases without claims", _forget_claims, "claims", "differ in what is claimed"),
    ("a feature claimed in the file alone", lambda d: _claim(d, claimed=False), "claims", "differ in what is claimed"),
    ("a claimed feature that passed uncounted", _uncount, "claims", "do not follow from"),
    ("edited claims", _edit_claims, "claims", "differ from their digest"),
    ("a claimed feature without cases", _spare, "features", "the profiles of the feature archives"),
    ("known failures without a list", _excuse, "known failures", "names none"),
]


@pytest.mark.parametrize(("edit", "check", "reason"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES])
def test_a_forgery_fails_by_name(
    edit: Edit, check: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = follow(forge(genuine("http", broken=BROKEN), edit))
    status, output = _verify(capsys, save(forged, tmp_path))
    assert status == 1
    assert check in _failed(output)
    (line,) = (line for line in output.splitlines() if line.startswith("FAILED") and line[8:24].strip() == check)
    assert reason in line
    assert "; " in line, "no remedy"
    assert f"NOT VERIFIED: {', '.join(_failed(output))}" in output


def _elsewhere(output: str) -> list[str]:
    return [line[8:24].strip() for line in output.splitlines() if line.startswith("other")]


@pytest.mark.parametrize(
    ("named", "remedy"),
    [
        ({"commit": "a" * 40}, f"check out its commit, {'a' * 40}"),
        ({"commit": "", "version": "0.0.9"}, "install storage-initializer-conformance 0.0.9"),
    ],
    ids=["commit", "package"],
)
@pytest.mark.parametrize(
    "edit",
    [lambda _: None, _remove_some, lambda d: d["rules"][0].update(statement="Anything goes.")],
    ids=["the same cases", "fewer cases", "another statement"],
)
def test_another_version_of_the_suite_is_named(
    edit: Edit, named: dict[str, str], remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """This suite can neither confirm nor refute its cases, so it calls the report neither verified nor forged."""

    def other(data: Data) -> None:
        edit(data)
        data["suite"].update(build=NO_DIGEST, **named)

    status, output = _verify(capsys, save(follow(forge(genuine("http"), other)), tmp_path))
    assert (status, _failed(output)) == (3, [])
    assert _elsewhere(output) == ["suite", "rules", "features", "completeness", "servers"]
    assert "ok      spec " in output
    assert "ok      verdicts " in output
    assert "another version of the suite wrote it" in output
    assert output.count(remedy) == 5
    assert "\nconsistent with itself alone, unsigned\nNOT VERIFIED by this version of the suite: suite, rules" in output


def test_another_version_with_another_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def other(data: Data) -> None:
        data["suite"].update(build=NO_DIGEST, commit="a" * 40)
        data["spec"].update(digest=NO_DIGEST)

    status, output = _verify(capsys, save(forge(genuine("http"), other), tmp_path))
    assert (status, _failed(output)) == (3, [])
    assert _elsewhere(output) == ["suite", "spec", "rules", "features", "completeness", "servers"]


def test_a_report_of_another_version_that_contradicts_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(data: Data) -> None:
        data["suite"].update(build=NO_DIGEST, commit="a" * 40)
        data["profiles"][0].update(verdict="conformant")

    status, output = _verify(capsys, save(forge(genuine("http", broken=BROKEN), other), tmp_path))
    assert (status, _failed(output)) == (1, ["verdicts"])


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda d: d["profiles"][0].update(verdict="conformant"), "but its results give nonconformant"),
        (lambda d: d["profiles"].pop(), "has the verdict absent"),
        (lambda d: d["profiles"][0].update(kept=9999), "the counts of profile"),
    ],
    ids=["a better verdict", "a verdict removed", "better counts"],
)
def test_verdicts_that_do_not_follow(
    edit: Edit, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output = _verify(capsys, save(forge(genuine("http", broken=BROKEN), edit), tmp_path))
    assert (status, _failed(output)) == (1, ["verdicts"])
    assert reason in output


def test_a_run_that_was_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = genuine("http")
    cut = replace(report, footer=replace(report.footer, complete=False))
    status, output = _verify(capsys, save(cut, tmp_path))
    assert status == 1
    assert "run" in _failed(output)


def _rewritten(text: str) -> str:
    return text.replace('"kit"', '"other"', 1)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[: len(text) // 2], "is cut off or not JSON"),
        (_rewritten, "was edited after the run"),
        (lambda text: text.replace('"kserve": "0.21.0"', '"kserve": "0.21.0", "kserve": "0.11.2"', 1), "occurs twice"),
        (lambda text: text.replace('"kserve": "0.21.0"', '"kserve": "\\ud800"', 1), "half of a character"),
        (lambda text: text.replace('"stale": []', f'"stale": {"[" * 90_000}{"]" * 90_000}', 1), "nested too deeply"),
        (lambda text: text.replace("/v1alpha4", "/v1alpha1", 1).replace('"core"', '"heart"'), "heart"),
        (lambda text: text.replace('"results": [', '"results": [7, ', 1), "is not of type 'object'"),
        (lambda _: '{"apiVersion": "v1", "kind": "Pod"}', "is no"),
    ],
    ids=["truncated", "edited", "field twice", "half a character", "deep", "mixed versions", "number", "foreign"],
)
def test_damaged_files(
    damage: Callable[[str], str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(genuine("pvc"), tmp_path)
    path.write_text(damage(path.read_text()))
    status, output = _verify(capsys, path)
    assert (status, _failed(output)) == (1, ["report"])
    assert reason in output
    assert "get the report as the run wrote it" in output


def test_files_that_no_run_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of 65 MiB and one of a future version are not read at all."""
    path = save(genuine("pvc"), tmp_path)
    path.write_text(path.read_text().replace("/v1alpha4", "/v7"))
    assert main(["verify", str(path)]) == 2
    assert "use a newer one" in capsys.readouterr().err
    os.truncate(path, 65 << 20)
    assert main(["verify", str(path)]) == 2
    assert "larger than 64 MiB" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "absent.json")]) == 2


def test_a_hostile_report_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither terminal sequences nor commands of the report come into effect; a repeated run needs --initializer."""
    witness = tmp_path / "witness"
    command = f"command:touch {witness}"
    report = genuine("http", broken=BROKEN)
    evil = "\x1b]0;owned\x07\x1b[2J<script>alert(1)</script>\nok      run"
    hostile = replace(
        report,
        initializer=replace(report.initializer, spec=command, name=evil),
        results=tuple(replace(one, reproduce=f"touch {witness}", reason="") for one in report.results),
        environment=replace(report.environment, servers_mode=f"{MODE} --initializer={command}"),
    )
    path = save(hostile, tmp_path)
    status, output = _verify(capsys, path)
    assert (status, "\x1b" in output) == (1, False)
    assert len([line for line in output.splitlines() if line.startswith("ok      run ")]) == 1
    assert main(["verify", str(path), "--rerun", "1"]) == 2
    assert "--rerun starts no program that only a report names" in capsys.readouterr().err
    assert main(["verify", str(path), "--rerun", "1", "--initializer", "command:/bin/true"]) == 2
    assert "impossible release or mode" in capsys.readouterr().err
    assert not witness.exists()


def test_evidence_has_the_content_of_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "the tree"
    name = f"evidence/tree.{hashlib.sha256(text.encode()).hexdigest()[:8]}.txt"
    path = save(forge(genuine("pvc"), lambda d: d["results"][0].update(evidence=[name])), tmp_path)
    assert "1 of 1 files are not beside the report" in _verify(capsys, path)[1]
    (tmp_path / "evidence").mkdir()
    (tmp_path / name).write_text(text)
    assert _verify(capsys, path)[0] == 0
    (tmp_path / name).write_text("another tree")
    status, output = _verify(capsys, path)
    assert (status, _failed(output)) == (1, ["evidence"])


def _with_list(content: bytes) -> Report:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return replace(genuine("pvc"), known_failures=KnownFailureList("kit.yaml", digest))


def test_the_list_of_known_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "kit.yaml"
    given.write_bytes(b"entries: []")
    path = save(_with_list(b"entries: []"), tmp_path)
    assert "give it with --known-failures" in _verify(capsys, path)[1]
    assert "kit.yaml is the list that the run applied" in _verify(capsys, path, "--known-failures", str(given))[1]
    given.write_bytes(b"entries: [more]")
    status, output = _verify(capsys, path, "--known-failures", str(given))
    assert (status, _failed(output)) == (1, ["known failures"])
    own = KnownFailureList("kserve.yaml", SUITE.known_failures["kserve.yaml"])
    assert "kserve.yaml is the list" in _verify(capsys, save(replace(genuine("pvc"), known_failures=own), tmp_path))[1]


def test_the_file_of_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report has the content; whoever has the file compares it."""
    given = tmp_path / "kit.yaml"
    given.write_text("name: kit\nfeatures: []\n")
    path = save(genuine("pvc"), tmp_path)
    status, output = _verify(capsys, path, "--claims", str(given))
    assert (status, _failed(output)) == (1, ["claims file"])
    assert "is not the file that the run was held to (none)" in output
    with_claims = claiming(genuine("pvc"))
    given.write_text(with_claims.claims.content)
    path = save(with_claims, tmp_path)
    status, output = _verify(capsys, path, "--claims", str(given))
    assert (status, "kit.yaml is the file that the run was held to" in output) == (0, True)
    edited = replace(with_claims, claims=replace(with_claims.claims, content="name: other"))
    status, output = _verify(capsys, save(edited, tmp_path))
    assert "claims" in _failed(output)
    assert "differ from their digest" in output


def test_what_a_selection_left_out_is_not_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of one rule has no verdict that it could forge: its profile is incomplete."""
    whole = genuine("pvc")
    left = sorted({(one.profile, one.rule, one.store) for one in whole.results if one.rule != BROKEN})
    data = [{"profile": profile, "rule": rule, "store": store} for profile, rule, store in left]

    def narrow(report: Data) -> None:
        report["selection"].update(rules=[BROKEN], left_out=data)
        report["results"] = _results_of(report)

    status, output = _verify(capsys, save(follow(forge(whole, narrow)), tmp_path))
    assert (status, "incomplete" in output) == (0, True)


@pytest.mark.parametrize(
    "options", [("--rerun", "0"), ("--rerun", "x"), ("--known-failures", "absent.yaml"), ("--seed", "x")]
)
def test_options_that_cannot_be_used(options: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["verify", "report.json", *options])
    assert end.value.code == 2
    assert options[0] in capsys.readouterr().err.splitlines()[-1]


def test_a_report_of_all_stores_is_verified_in_time(tmp_path: Path) -> None:
    """About 2,100 results take 1.0 s of CPU time; on a machine with ten times its load they took 2.4 s."""
    report = genuine()
    assert len(report.results) > 2000
    path = save(report, tmp_path)
    before = os.times()
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "reports", "verify", str(path)], cwd=Path(__file__).parents[2], check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    assert cpu < 3, f"{cpu:.2f} s of CPU time, {time.monotonic() - began:.2f} s"


def test_every_case_of_a_level_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole run has the cases of SHOULD rules too, although they decide no verdict."""
    report = genuine("http")
    fewer = tuple(one for one in report.results if one.level is not Level.SHOULD)
    status, output = _verify(capsys, save(follow(replace(report, results=fewer)), tmp_path))
    assert (status, _failed(output)) == (1, ["completeness"])


def test_a_report_from_before_these_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no suite to compare it with, which is not held against it."""
    path = save(genuine("pvc"), tmp_path)
    data = json.loads(path.read_text())
    del data["suite"]["build"], data["known_failures"]
    data["footer"]["digest"] = digest(data)
    path.write_text(json.dumps(data))
    status, output = _verify(capsys, path)
    assert status == 0
    assert "recorded no digest of its files; run a newer suite" in output
