"""Options, folders and disks that a run cannot use: one line with the remedy; and the lists of rules."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.processes import running, wait_until
from tests.suite_runs import HONEST, LOCAL, command_of, run


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--store", "ftp"), "--store ftp: unknown value; use one of s3"),
        (("--rule", "PLACE-999"), "--rule PLACE-999: no such rule"),
        (("--profile", "upload"), "--profile upload: unknown value"),
        (("--kserve", "0.1.0"), "--kserve 0.1.0: unknown value"),
        (("--servers", "cloud"), "--servers cloud: unknown value; use one of embedded, native, container"),
        (("--initializer", "kserve:0.1.0"), "0.1.0"),
        (("--initializer", "command:/no/such/program"), "/no/such/program"),
        (("--initializer", f"command:{__file__}"), "not executable"),
        (("--initializer", "ftp:x"), "ftp:x"),
        (
            ("--initializer", "command:/bin/true", "--show", "/no/such/folder"),
            "--show /no/such/folder: the path does not exist",
        ),
        (("--show", "/opt"), "--show works only with command:ARGV"),
        (("--initializer", "command:/bin/true", "--run-as-user", "0"), "--run-as-user works only with image:REF"),
        (("--initializer", "image:x", "--run-as-user", "root"), "--run-as-user root: use UID or UID:GID"),
        (("--initializer", "command:/bin/true", "--initializer-name", "kserve"), "use another name"),
        (("--initializer-version", "1.0"), "has a name and a version"),
        (("--initializer", "command:"), "--initializer"),
        (("--known-failures", "/no/such/list.yaml"), "cannot be read"),
        (("--explain", "PLACE-999"), "no such rule"),
        (("--initializer", ""), "--initializer is empty; give it a value, or remove it"),
        (("--store", "s3", "--store", " , "), "--store is empty"),
        (("--explain", ""), "--explain is empty"),
        (
            ("--profile", "injection"),
            "--profile injection: --cluster none can check none of its rules; use --cluster kind",
        ),
        (("--profile", "download/local,flow"), "use --cluster kind\n"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, options: tuple[str, ...], complaint: str) -> None:
    """pytest's status for a wrong command line, a sentence, and no traceback."""
    done = run(tmp_path, *options)
    assert done.code == pytest.ExitCode.USAGE_ERROR, done.text
    assert complaint in done.text
    assert "Traceback" not in done.text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ("--store", "http", "--rule", "PLACE-002"),
            "PLACE-002 does not apply to http; use --store with one of azure-blob, ",
        ),
        (
            ("--profile", "download/http", "--rule", "PLACE-002"),
            "no rule matches all of --profile download/http --rule PLACE-002",
        ),
        (("--rule", "INJECT-001"), "--rule INJECT-001 needs --cluster kind or --cluster existing"),
        (
            ("--rule", "CONTRACT-002", "--kserve", "0.11.2"),
            "--rule CONTRACT-002 does not apply to KServe 0.11.2; use --kserve with another",
        ),
        (("-k", "nosuchthing"), "matches -k nosuchthing; use --collect-only"),
        (
            ("-k", "nosuchthing", "-n", "2", "--store", "local"),
            "matches -k nosuchthing --store local; use --collect-only",
        ),
        (("--smoke", "--rule", "ERR-009"), "matches --smoke --rule ERR-009; use --collect-only"),
    ],
)
def test_a_run_of_nothing_says_why(tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    """Nobody cut it off."""
    done = run(tmp_path, "--initializer", "command:/bin/true", *options)
    assert done.code == pytest.ExitCode.NO_TESTS_COLLECTED, done.text
    assert re.search(f"^NOTHING SELECTED: .*{re.escape(reason)}", done.text, re.M), done.text
    assert "CUT OFF" not in done.text


def test_a_report_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """Noticed before anything is run."""
    (tmp_path / "reports").write_text("a file")
    done = run(tmp_path, "--initializer", HONEST, *LOCAL)
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "--report-dir" in done.text


FILLER = """
import os
from contextlib import suppress
from pathlib import Path
import pytest
def fill():
    with suppress(OSError), open(Path(os.environ["FULL"]) / "filler", "wb", 0) as file:
        while file.write(b"x" * 4096):
            pass
@pytest.hookimpl(wrapper=True)
def pytest_{hook}:
    fill()
    return (yield)
"""


@pytest.mark.parametrize(
    "hook", ["runtest_logreport(report)", "sessionfinish(session)"], ids=["in-the-middle", "at-the-end"]
)
def test_the_reports_disk_fills_up(tmp_path: Path, hook: str) -> None:
    """One line and no traceback; every server ends; the initializer is not blamed."""
    (tmp_path / "filler.py").write_text(FILLER.format(hook=hook))
    reports = tmp_path / "reports"
    reports.mkdir()
    argv = command_of(tmp_path, "-p", "filler", "--initializer", HONEST, "--store", "http", "--rule", "PLACE-014")
    mounted = f"mount -t tmpfs -o size=4m none {reports} && exec {shlex.join(argv)}"
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no disk of its own without user namespaces")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "FULL": str(reports), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*unshare, "sh", "-c", mounted],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, text
    assert f"the report cannot be written to {reports}: No space left on device; make room there" in text
    assert "Traceback" not in text
    assert "FAILED" not in text
    wait_until(lambda: not running(str(tmp_path)), "everything to end")


def test_rules_are_listed_and_explained(tmp_path: Path) -> None:
    """Without a server or an initializer."""
    listed = run(tmp_path, "--list-rules")
    assert listed.code == 0
    assert "PLACE-002" in listed.text
    assert re.search(r"^Spec [\w.-]+: \d+ rules$", listed.text, re.M)
    explained = run(tmp_path, "--explain", "PLACE-002")
    assert explained.code == 0
    assert "#3776" in explained.text


def test_only_selected_rules_are_listed(tmp_path: Path) -> None:
    """On whatever route they show; those of another release only where none is named."""
    selection = ("--store", "http", "--profile", "download,injection", "--rule", "PLACE-*,CONTRACT-*,CSC-*")
    every, of_release = (
        run(tmp_path, "--list-rules", *selection),
        run(tmp_path, "--list-rules", *selection, "--kserve", "0.11.2"),
    )
    listed = [set(re.findall(r"^  ([A-Z]+-\d+)", done.text, re.M)) for done in (every, of_release)]
    assert {"CONTRACT-002", "CSC-001", "PLACE-014"} <= listed[0]
    assert not {"PLACE-002", "ERR-001"} & listed[0]
    assert "CONTRACT-002" not in listed[1]
    assert listed[1] < listed[0]
    refused = run(tmp_path, "--list-rules", "--store", "s4")
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "--store s4: unknown value" in refused.text
