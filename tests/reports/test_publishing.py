"""`python -m reports publish`, the rules of reports/published/, and the badge."""

from __future__ import annotations

import json
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reports import badge, publishing
from reports.__main__ import main
from reports.model import KnownFailureList, Report
from reports.publishing import LARGEST, problems
from tests.genuine_report import BROKEN, claiming, follow, genuine, save
from tests.sample_report import FAILED, KNOWN, NOT_RUN, parsed, report_of, result
from tools import published_page

SOURCE = "https://example.com/kit"
FOLDER = "1.0-draft/kit-1.2"


def _publish(tmp_path: Path, report: Report, *options: str) -> tuple[int, Path]:
    path, root = save(report, tmp_path / "run"), tmp_path / "published"
    return main(["publish", str(path), "--source", SOURCE, "-o", str(root), *options]), root


def test_the_published_reports_keep_the_rules() -> None:
    """Those of this repository. Pytest shows the warnings below its results."""
    for line in publishing.unverified(published_page.PUBLISHED):
        warnings.warn(line, stacklevel=1)
    assert problems(published_page.PUBLISHED) == []


def test_a_folder_for_a_pull_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, root = _publish(tmp_path, genuine("pvc"))
    assert status == 0
    assert capsys.readouterr().out == f"{root / FOLDER}\n"
    assert {path.name for path in (root / FOLDER).iterdir()} == {"README.md", "badge.json", "badge.svg", "report.json"}
    assert (root / FOLDER / "report.json").read_bytes() == (tmp_path / "run" / "report.json").read_bytes()
    readme = (root / FOLDER / "README.md").read_text()
    options = "--initializer=image:example/kit --initializer-name=kit --initializer-version=1.2 --kserve=0.21.0"
    assert f"$ tox -e conformance -- {options} --servers=embedded --store=pvc\n" in readme
    assert f"<{SOURCE}>, `sha256:" in readme
    assert "| download/pvc | conformant |" in readme
    assert problems(root) == []


def test_a_report_of_an_older_commit_is_published_but_not_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CI takes it, and reads out what nobody checked; the README names the whole commit."""
    _, root = _publish(tmp_path, genuine("pvc"))
    assert publishing.unverified(root) == []
    suite = replace(genuine("pvc").suite, build="sha256:" + "0" * 64, commit="a" * 40)
    status, root = _publish(tmp_path, replace(genuine("pvc"), suite=suite))
    assert (status, problems(root)) == (0, [])
    (line,) = publishing.unverified(root)
    assert line.startswith(f"{FOLDER}: storage-initializer-conformance {suite.version} (commit aaaaaaaaaaaa) wrote it")
    assert "nobody has verified here: suite, rules, features, completeness, servers" in line
    assert line.endswith(f"to do so, check out its commit, {'a' * 40}")
    assert f"at the commit `{'a' * 40}`" in (root / FOLDER / "README.md").read_text()
    assert main(["verify", str(root / FOLDER / "report.json")]) == 3
    assert "NOT VERIFIED by this version" in capsys.readouterr().out


def test_a_report_of_a_changed_suite_is_not_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = replace(genuine("pvc").suite, commit="a" * 40 + "-dirty")
    assert _publish(tmp_path, replace(genuine("pvc"), suite=suite))[0] == 1
    assert "run it from an unchanged checkout" in capsys.readouterr().out


def test_a_report_of_this_suite_is_compared_with_it(tmp_path: Path) -> None:
    """Cases that a whole run has cannot be left out of it."""
    report = genuine("pvc")
    fewer = follow(replace(report, results=tuple(one for one in report.results if one.rule != BROKEN)))
    root = _publish(tmp_path, fewer)[1]
    assert any("are absent: " in line and BROKEN in line for line in problems(root))


def test_a_run_on_a_cluster_is_repeated_on_one() -> None:
    report = genuine("pvc")
    environment = replace(report.environment, cluster=replace(report.environment.cluster, provider="kind"))
    text = "\n".join(publishing.reproduce(replace(report, environment=environment)))
    assert "$ tox -e cluster -- " in text
    assert "compare report.json conformance-report/cluster/report.json" in text


def test_a_signed_folder(tmp_path: Path) -> None:
    """It has the public key, so that everybody verifies it; an update without signature leaves none behind."""
    path = save(genuine("pvc"), tmp_path / "run")
    assert main(["keygen", str(tmp_path / "kit.pem")]) == 0
    assert main(["sign", str(path), "--key", str(tmp_path / "kit.pem")]) == 0
    status, root = _publish(tmp_path, genuine("pvc"))
    assert status == 1
    assert problems(root) == [f"{FOLDER}: key.pem is absent; a signed report has both, an unsigned one has neither"]
    assert _publish(tmp_path, genuine("pvc"), "--key", str(tmp_path / "kit.pub.pem"))[0] == 0
    published = root / FOLDER / "report.json"
    assert main(["verify", str(published), "--key", str(published.with_name("key.pem"))]) == 0
    (tmp_path / "run" / "report.dsse.json").unlink()
    assert _publish(tmp_path, genuine("pvc"))[0] == 0
    assert {path.name for path in (root / FOLDER).iterdir()} == {"README.md", "badge.json", "badge.svg", "report.json"}


def _rewrite(name: str, old: str, new: str) -> Callable[[Path], object]:
    def rewrite(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return rewrite


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda folder: folder.rename(folder.with_name("kit-2.0")), "the report belongs into 1.0-draft/kit-1.2"),
        (lambda folder: (folder / "README.md").unlink(), "README.md is absent"),
        (lambda folder: (folder / "report.html").touch(), "remove report.html"),
        (lambda folder: (folder / "evidence").mkdir(), "remove evidence"),
        (lambda folder: (folder.parent / "report.json").touch(), "remove it; a report has a folder"),
        (lambda folder: (folder / "report.json").write_bytes(b" " * (LARGEST + 1)), "at most 4096 are allowed"),
        (_rewrite("report.json", '"outcome": "passed"', '"outcome": "failed"'), "was edited after the run"),
        (_rewrite("README.md", "## Reproduce", "## Nothing"), "lacks the section Reproduce"),
        (_rewrite("README.md", "--store=pvc", "--store=s3"), "lacks the section Reproduce"),
        (_rewrite("badge.svg", "#1e6b2e", "#000"), "badge.svg is not the badge of the report"),
        (_rewrite("badge.json", "conformant", "perfect"), "badge.json is not the badge of the report"),
        (lambda folder: (folder / "key.pem").touch(), "report.dsse.json is absent"),
        (lambda folder: (folder / "known-failures.yaml").touch(), "is not the list that the run applied"),
    ],
)
def test_a_folder_that_breaks_a_rule(spoil: Callable[[Path], object], line: str, tmp_path: Path) -> None:
    root = _publish(tmp_path, genuine("pvc"))[1]
    spoil(root / FOLDER)
    assert any(line in found for found in problems(root)), problems(root)


def test_a_report_that_cannot_be_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = genuine("pvc")
    unnamed = replace(report, initializer=replace(report.initializer, version=""))
    assert _publish(tmp_path, unnamed)[0] == 2
    assert "run it again with --initializer-version" in capsys.readouterr().err
    outside = replace(report, initializer=replace(report.initializer, name="../../evil"))
    assert _publish(tmp_path, outside)[0] == 2
    assert "cannot be the name of a folder" in capsys.readouterr().err
    assert main(["publish", str(tmp_path / "run/report.json"), "--source", "javascript:x", "-o", str(tmp_path)]) == 2
    assert _publish(tmp_path, report, "--key", str(tmp_path / "absent.pem"))[0] == 2
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "published").exists()


def test_known_failures_and_a_report_without_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = KnownFailureList("kit.yaml", "sha256:" + "0" * 64)
    assert _publish(tmp_path, replace(genuine("pvc"), known_failures=listed))[0] == 1
    assert "known-failures.yaml is absent; give the list of the run" in capsys.readouterr().out
    smoke = replace(genuine("pvc"), selection=replace(genuine("pvc").selection, smoke=True))
    smoke = replace(smoke, profiles=())
    assert _publish(tmp_path, smoke)[0] == 1


def test_claims_are_in_the_folder(tmp_path: Path) -> None:
    """They describe the program, so the command needs no other description."""
    report = claiming(genuine("pvc"))
    status, root = _publish(tmp_path, report)
    assert status == 0
    assert (root / FOLDER / "conformance.yaml").read_text() == report.claims.content
    readme = (root / FOLDER / "README.md").read_text()
    assert "--initializer=image:example/kit --claims=conformance.yaml --kserve=0.21.0" in readme
    (root / FOLDER / "conformance.yaml").unlink()
    assert any("conformance.yaml is not the claims in the report" in line for line in problems(root))


def test_a_hostile_name_is_text(tmp_path: Path) -> None:
    """The README and the index show it without markup, and no code block ends early."""
    report = genuine("pvc")
    evil = "image:x\n```\n<script>alert(1)</script>"
    hostile = replace(report, initializer=replace(report.initializer, spec=evil), kserve="[a](javascript:b)|")
    root = _publish(tmp_path, hostile)[1]
    readme = (root / FOLDER / "README.md").read_text()
    assert readme.count("```") == 2
    assert "[a](javascript:b)" not in readme.partition("```console")[0]
    assert "[a](" not in "\n".join(published_page.page(root))


def test_the_index_of_no_reports_and_of_some(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    assert "Nobody has published a report yet." in list(published_page.page(tmp_path / "published"))
    root = _publish(tmp_path, genuine("pvc", broken=BROKEN))[1]
    row = next(line for line in published_page.page(root) if line.startswith("| kit"))
    assert row.startswith("| kit 1.2 | 1.0-draft | 0.21.0 | ")
    assert "nonconformant" in row
    assert f"| no | 2026-01-31 | [{FOLDER}](../reports/published/{FOLDER}/README.md) |" in row


@pytest.mark.parametrize(
    ("report", "text", "colour"),
    [
        (report_of(result()), "conformant: download/s3, spec 1.0.0", "brightgreen"),
        (
            report_of(result(), result(KNOWN, store="azure-files", reason="r", reference="x")),
            "conformant with known failures: 1 of 2 profiles, spec 1.0.0",
            "yellow",
        ),
        (
            report_of(result(FAILED), result(store="azure-files"), result(NOT_RUN, store="gcs")),
            "nonconformant: 1 of 3 profiles, spec 1.0.0",
            "red",
        ),
        (report_of(), "incomplete: 0 of 0 profiles, spec 1.0.0", "lightgrey"),
    ],
)
def test_the_badge_shows_the_worst_verdict(report: Report, text: str, colour: str) -> None:
    data = json.loads(badge.endpoint(report))
    assert data == {"schemaVersion": 1, "label": "KServe storage initializer", "message": text, "color": colour}
    image = parsed(badge.svg(report))
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    assert text in "".join(image.itertext())


def test_the_badge_escapes_what_it_shows() -> None:
    evil = report_of(result(), spec=replace(report_of().spec, version='1"><script>alert(1)</script>'))
    image: ET.Element = parsed(badge.svg(evil))
    assert not [one for one in image.iter() if "script" in one.tag]


def test_the_rules_of_a_folder_are_those_of_the_readme() -> None:
    """reports/published/README.md names every file that a folder can have, and the limit."""
    text = (published_page.PUBLISHED / "README.md").read_text()
    names = (publishing.REPORT, publishing.README, publishing.SVG, publishing.ENDPOINT)
    assert all(
        f"`{name}`" in text
        for name in (*names, publishing.SIGNATURE, publishing.KEY, publishing.LIST, publishing.CLAIMS)
    )
    assert f"at most {LARGEST >> 20} MiB" in text
