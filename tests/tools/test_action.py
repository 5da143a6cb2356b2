"""The steps of the action, without GitHub: a stand-in for tox writes what it was asked for, and a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reports import writer
from reports.model import Report
from tests.sample_report import FAILED, report_of, result
from tools import action

HOUSE = Path(__file__).parents[2]
#: Appends its arguments to the file `asked`, and copies the report of its initializer, if there is one.
TOX = f"""#!{sys.executable}
import json, os, pathlib, shutil, sys
with open("asked", "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
if "--report-dir" in sys.argv:
    print("::error::from the program under test", flush=True)
    folder = pathlib.Path(sys.argv[sys.argv.index("--report-dir") + 1])
    given = pathlib.Path(sys.argv[sys.argv.index("--initializer") + 1].replace("/", "_") + ".json")
    if given.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(given, folder / "report.json")
    sys.exit(int(os.environ.get("STATUS", "0")))
if "--key" in sys.argv:
    key = pathlib.Path(sys.argv[sys.argv.index("--key") + 1])
    pathlib.Path("key").write_text(oct(key.stat().st_mode & 0o777) + key.read_text())
"""


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The inputs by their defaults. The folder of the action is a temporary one, with a stand-in for tox on PATH."""
    python = tmp_path / action.PYTHON
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH={HOUSE} exec {sys.executable} "$@"\n')
    tox = tmp_path / "bin" / "tox"
    tox.parent.mkdir()
    tox.write_text(TOX)
    for program in (python, tox):
        program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tox.parent}:{os.environ['PATH']}")
    about = yaml.safe_load((HOUSE / "action.yml").read_text())
    found = {name.upper().replace("-", "_"): one["default"] for name, one in about["inputs"].items()}
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    return {**found, **files, "INITIALIZER": "image:mine", "WORKSPACE": "/workspace", "REPORT_DIR": str(tmp_path / "r")}


def asked() -> list[list[str]]:
    return [json.loads(line) for line in Path("asked").read_text().splitlines()]


def give(initializer: str, report: Report) -> None:
    """Let the run of an initializer end with this report."""
    writer.write(report, Path("given"))
    Path("given", "report.json").rename(f"{initializer.replace('/', '_')}.json")


def test_every_step_gets_every_input_that_it_reads() -> None:
    """And only the last one gets the key."""
    about = yaml.safe_load((HOUSE / "action.yml").read_text())
    names = {name.upper().replace("-", "_") for name in about["inputs"]} - {"ARTIFACT", "SIGNING_KEY"} | {"WORKSPACE"}
    given = {
        step["run"].split()[-1]: set(step["env"])
        for step in about["runs"]["steps"]
        if "tools.action" in step.get("run", "")
    }
    assert given == {"run": names, "show": names, "sign": names - {"BASELINE"} | {"SIGNING_KEY"}}
    assert set(given) == set(action.STEPS)


def test_the_steps_need_the_standard_library_alone(inputs: dict[str, str]) -> None:
    """The first step runs before anything is installed."""
    command = [sys.executable, "-S", "-m", "tools.action", "run"]
    done = subprocess.run(
        command, cwd=HOUSE, env={**inputs, "INITIALIZER": ""}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.startswith("::error title=Wrong input::")) == (2, True), done.stderr


def test_a_run_with_every_input(inputs: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    inputs |= {
        "CLAIMS": "conformance.yaml",
        "PROFILES": "download, faults/s3",
        "STORES": "s3 gcs",
        "KSERVE_VERSIONS": "0.20.0",
        "ARGUMENTS": "--smoke --rule 'ERR-*'; $(touch gone)",
    }
    assert action.main("run", inputs) == 0
    wanted = ["-e", "conformance", "--", "--initializer", "image:mine", "--claims", "/workspace/conformance.yaml"]
    wanted += [
        "--profile",
        "download,faults/s3",
        "--store",
        "s3,gcs",
        "--smoke",
        "--rule",
        "ERR-*;",
        "$(touch",
        "gone)",
    ]
    assert asked() == [[*wanted, "--kserve", "0.20.0", "--report-dir", inputs["REPORT_DIR"]]]
    assert not Path("gone").exists()
    first, *_, last = capfd.readouterr().out.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert last == f"::{token}::"


def test_claims_name_the_initializer(inputs: dict[str, str]) -> None:
    inputs |= {"INITIALIZER": "", "CLAIMS": "/abs/conformance.yaml"}
    action.main("run", inputs)
    assert asked()[0][3:5] == ["--claims", "/abs/conformance.yaml"]


def test_a_checkout_lies_in_the_workspace(inputs: dict[str, str]) -> None:
    for given, wanted in (
        ("kserve:.", "kserve:/workspace"),
        ("kserve:./kserve", "kserve:/workspace/kserve"),
        ("kserve:/src/kserve", "kserve:/src/kserve"),
        ("kserve:0.21.0", "kserve:0.21.0"),
        ("command:./x /y", "command:./x /y"),
    ):
        action.main("run", {**inputs, "INITIALIZER": given})
        assert asked()[-1][4] == wanted


@pytest.mark.parametrize(("status", "wanted"), [("0", 0), ("1", 1), ("4", 4)])
def test_the_job_ends_as_its_run(
    inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: str, wanted: int
) -> None:
    """After all releases of KServe."""
    monkeypatch.setenv("STATUS", status)
    assert action.main("run", {**inputs, "KSERVE_VERSIONS": "0.20.0 0.21.0"}) == wanted
    folders = [f"{inputs['REPORT_DIR']}/{release}" for release in ("0.20.0", "0.21.0")]
    assert [one[-1] for one in asked()] == folders


def test_a_baseline_that_breaks_rules_is_no_failure(inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATUS", "1")
    monkeypatch.setattr(action.Job, "runs", lambda _: [])
    assert action.main("run", {**inputs, "BASELINE": "kserve:0.21.0"}) == 0
    monkeypatch.setenv("STATUS", "4")
    assert action.main("run", {**inputs, "BASELINE": "kserve:0.21.0"}) == 4


def test_the_job_shows_the_report(inputs: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    give("image:mine", report_of(result(FAILED, message="m")))
    give("kserve:0.21.0", report_of(result()))
    inputs["BASELINE"] = "kserve:0.21.0"
    action.main("run", inputs)
    assert action.main("show", inputs) == 0
    assert "::error title=PLACE-001 on s3::The tree lands unchanged: m" in capfd.readouterr().out
    path = Path(inputs["REPORT_DIR"], "report.json")
    assert Path("GITHUB_OUTPUT").read_text().splitlines()[:3] == [
        "verdict=nonconformant",
        "report<<END_OF_PATHS",
        str(path),
    ]
    summary = Path("GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("### Conformance of kserve 0.20.0: nonconformant\n")
    assert "#### Compared with the baseline" in summary
    assert "BROKE: 1" in summary
    assert "passed -&gt; failed" in summary


def test_a_run_without_a_report(inputs: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    assert action.main("show", inputs) == 0
    assert "::error title=No report::" in capfd.readouterr().out
    assert Path("GITHUB_OUTPUT").read_text() == "verdict=none\n"


def test_the_key_is_in_a_file_for_the_signature_only(inputs: dict[str, str]) -> None:
    give("image:mine", report_of(result()))
    action.main("run", inputs)
    assert action.main("sign", {**inputs, "SIGNING_KEY": "-----BEGIN-----\nsecret\n"}) == 0
    signing = asked()[-1]
    assert signing[:5] == ["-q", "-e", "sign", "--", "--key"]
    assert signing[6] == f"{inputs['REPORT_DIR']}/report.json"
    assert Path("key").read_text() == "0o600-----BEGIN-----\nsecret\n"
    assert not Path(signing[5]).exists()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"INITIALIZER": ""}, "the action needs the input initializer or claims"),
        ({"ARGUMENTS": "--rule 'half"}, "the input arguments cannot be split: No closing quotation; quote it as for"),
    ],
)
def test_a_wrong_input_is_an_annotation(
    inputs: dict[str, str], capfd: pytest.CaptureFixture[str], wrong: dict[str, str], complaint: str
) -> None:
    assert action.main("run", inputs | wrong) == 2
    assert capfd.readouterr().out.startswith(f"::error title=Wrong input::{complaint}")
    assert not Path("asked").exists()
