"""Whole runs of the suite on small initializers: options, outcomes, verdicts, exit codes, and what is left behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from reports.__main__ import main
from tests.processes import command_lines, wait_until

SUITE = Path(__file__).parents[2] / "conformance"
INITIALIZERS = Path(__file__).parents[1] / "initializers"
HONEST = f"command:{sys.executable} {INITIALIZERS / 'honest.py'}"
LOCAL = ("--store", "local,pvc")


def broken(name: str) -> str:
    """The initializer of tests/initializers/broken.py that breaks what its name says."""
    return f"command:{sys.executable} {INITIALIZERS / 'broken.py'} {name}"


class Finished:
    """A run of `pytest conformance/` that has ended."""

    def __init__(self, process: subprocess.CompletedProcess[str], reports: Path) -> None:
        self.code = process.returncode
        self.text = process.stdout + process.stderr
        self.reports = reports

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.reports / "report.json").read_text()))

    def outcomes(self, rule: str) -> set[str]:
        """The outcomes of all results of a rule."""
        return {result["outcome"] for result in self.report["results"] if result["rule"] == rule}

    def verdicts(self) -> dict[str, str]:
        return {profile["name"]: profile["verdict"] for profile in self.report["profiles"]}


def _command(folder: Path, *options: str) -> list[str]:
    base = [sys.executable, "-m", "pytest", str(SUITE), "-p", "no:cacheprovider", f"--report-dir={folder / 'reports'}"]
    return [*base, *options]


def run(folder: Path, *options: str, timeout_s: float = 300) -> Finished:
    """Run the suite in a process of its own, as a user does."""
    process = subprocess.run(
        _command(folder, *options), cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    return Finished(process, folder / "reports")


def test_an_initializer_that_keeps_the_rules_is_conformant_where_it_ran(tmp_path: Path) -> None:
    """Everything about local paths passes; what was not selected keeps the other profiles out, not green."""
    done = run(tmp_path, "--initializer", HONEST, "--profile", "download/local,download/pvc", "-n", "2")
    assert done.code == 0, done.text
    assert done.verdicts() == {"download/local": "conformant", "download/pvc": "conformant"}
    assert "PARTIAL RUN" not in done.text
    assert "Selected: --profile download/local,download/pvc. Other stores" in done.text
    assert "NOTHING NEEDS ATTENTION" in done.text
    assert done.report["footer"]["complete"]
    assert (done.reports / "junit.xml").exists()
    assert (done.reports / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("flatten", "PLACE-001"),
        ("packed", "ARCH-001"),
        ("unsafe", "ARCH-006"),
        ("silent", "ERR-001"),
        ("mute", "ERR-001"),
        ("private", "CONTRACT-008"),
        ("litter", "CONTRACT-009"),
    ],
)
def test_a_broken_initializer_is_found_out(tmp_path: Path, name: str, rule: str) -> None:
    """One for each area: the rule that it breaks fails, by the initializer's fault, and the run with it."""
    done = run(tmp_path, "--initializer", broken(name), "--store", "local", "--rule", rule)
    assert done.code == 1, done.text
    assert "failed" in done.outcomes(rule)
    assert "error" not in done.outcomes(rule)
    assert rule in done.text


def test_a_credential_in_the_output_is_found_out_and_redacted(tmp_path: Path) -> None:
    """The rule fails, and the report itself does not repeat the credential."""
    done = run(tmp_path, "--initializer", broken("talkative"), "--store", "http", "--rule", "CRED-025")
    assert "failed" in done.outcomes("CRED-025"), done.text
    files = [path for path in done.reports.rglob("*") if path.is_file()]
    assert any("[redacted]" in path.read_text() for path in files)


def test_a_failure_reads_well(tmp_path: Path) -> None:
    """Rule and sentence, what differs, the call, its end, and the command for this case alone."""
    done = run(tmp_path, "--initializer", broken("flatten"), "--store", "local", "--rule", "PLACE-001")
    for part in (
        "PLACE-001 MUST: A folder arrives as its tree",
        "missing     'weights/part-0.bin'",
        "unexpected  'part-0.bin'",
        "exit code 0",
        "run it alone: pytest 'conformance/download/test_placement.py::test_a_folder_arrives_as_its_tree[local]'",
    ):
        assert part in done.text


def test_the_command_of_a_failure_runs_that_case(tmp_path: Path) -> None:
    """One case, named by its node id: never a verdict other than nonconformant or incomplete."""
    case = f"{SUITE}/download/test_placement.py::test_a_folder_arrives_as_its_tree[local]"
    command = [case if part == str(SUITE) else part for part in _command(tmp_path, "--initializer", HONEST)]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    done = Finished(process, tmp_path / "reports")
    assert done.code == 0, done.text
    assert len(done.report["results"]) == 1
    assert done.verdicts() == {"download/local": "incomplete"}
    assert done.report["selection"]["pytest"] == [f"'{case}'"]
    assert "PARTIAL RUN:" in done.text


def test_a_known_failure_does_not_fail_the_run(tmp_path: Path) -> None:
    """It is listed with its reason; the profile says so."""
    known = _known(tmp_path, "broken")
    done = run(
        tmp_path, "--initializer", broken("private"), "--store", "local", "--rule", "CONTRACT-008",
        "--known-failures", str(known),
    )  # fmt: skip
    assert done.code == 0, done.text
    assert done.outcomes("CONTRACT-008") == {"known-failure"}


def test_a_stale_entry_fails_the_run(tmp_path: Path) -> None:
    """A listed failure that passed: the list is not true any more."""
    known = _known(tmp_path, "acme")
    done = run(
        tmp_path, "--initializer", HONEST, "--initializer-name", "acme", "--store", "local", "--rule", "CONTRACT-008",
        "--known-failures", str(known),
    )  # fmt: skip
    assert done.code == 1
    assert done.outcomes("CONTRACT-008") == {"fixed"}


def _known(folder: Path, program: str) -> Path:
    path = folder / "known.yaml"
    entry = {"rule": "CONTRACT-008", "stores": ["local"], "reason": "it is broken on purpose"}
    entry |= {"reference": "https://issues.example/1", "expires": str(datetime.now(UTC).date() + timedelta(days=9))}
    path.write_text(yaml.safe_dump({"initializer": program, "entries": [entry]}))
    return path


def test_a_smoke_run_is_no_verdict(tmp_path: Path) -> None:
    """It names what a whole run adds: every case that is in force, but those that it ran."""
    done = run(tmp_path, "--initializer", HONEST, *LOCAL, "--smoke", "-n", "2")
    assert done.code == 0, done.text
    assert set(done.verdicts().values()) == {"incomplete"}
    every = run(tmp_path, "--initializer", HONEST, "--collect-only", "-q")
    counted = re.search(r"^(\d+)(?:/\d+)? tests collected", every.text, re.M)
    assert counted, every.text
    more = int(counted[1]) - len(done.report["results"])
    assert f"PARTIAL RUN: --store local,pvc --smoke. A whole run adds {more} cases of " in " ".join(done.text.split())


def test_what_pytest_leaves_out_makes_a_run_partial(tmp_path: Path) -> None:
    """The report names the option; the store's profile has no verdict, and the option is the remedy."""
    options = ("--initializer", HONEST, "--store", "local", "--rule", "PLACE-*", "-k", "folder and not empty")
    done = run(tmp_path, *options)
    assert done.report["selection"]["pytest"] == ["-k 'folder and not empty'"]
    assert set(done.verdicts().values()) == {"incomplete"}
    assert "run without --rule PLACE-* -k 'folder and not empty'" in " ".join(done.text.split())


def test_doing_nothing_is_found_out_fast(tmp_path: Path) -> None:
    """`/bin/true` fails everything that asks for a file: no call waits for its limit, and little is computed."""
    done = run(tmp_path, "--initializer", "command:/bin/true", *LOCAL, "-n", "2")
    assert done.code == 1
    assert set(done.verdicts().values()) == {"nonconformant"}
    assert "ended: exit" in done.text
    assert "ended: timeout" not in done.text
    assert done.report["metrics"]["cpu_s"] < 60


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
    command = _command(tmp_path, "-p", "filler", "--initializer", HONEST, "--store", "http", "--rule", "PLACE-014")
    mounted = f"mount -t tmpfs -o size=4m none {reports} && exec {shlex.join(command)}"
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
    wait_until(lambda: not _running(str(tmp_path)), "everything to end")


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


def _heed_interrupts() -> None:
    """A shell that started the tests in the background has had them ignore SIGINT, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("times", [1, 2])
def test_a_hanging_initializer_is_ended(tmp_path: Path, times: int) -> None:
    """SIGINT to the run while the initializer hangs: the results so far are kept, nothing goes on."""
    command = _command(tmp_path, "--initializer", _hanging(tmp_path), "--store", "local", "--rule", "PLACE-001")
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 -- no thread of ours forks here
    ) as process:
        wait_until(lambda: _running(f"{tmp_path}/broken.py hang file:"), "the initializer to start")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        text = process.communicate(timeout=120)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, text
    assert "CUT OFF" in text
    assert "Traceback" not in text
    assert not json.loads((tmp_path / "reports" / "report.json").read_text())["footer"]["complete"]
    wait_until(lambda: not _running(f"{tmp_path}/broken.py hang file:"), "the initializer to end")


@pytest.mark.parametrize("options", [("-x",), ("--maxfail=1", "-n", "2")], ids=["in one process", "in two"])
def test_a_run_that_stops_at_a_failure_is_cut_off(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Not every case that was selected has a result; terminal, page, footer and `check` say so."""
    done = run(tmp_path, "--initializer", "command:/bin/true", "--store", "local", "--rule", "PLACE-*", *options)
    assert done.code in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}, done.text
    assert "CUT OFF: the run did not finish" in done.text
    assert "Cut off</b>: the run did not finish" in (done.reports / "report.html").read_text()
    assert not done.report["footer"]["complete"]
    assert main(["check", str(done.reports / "report.json")]) == 1


def test_a_run_that_stops_at_its_last_case_is_whole(tmp_path: Path) -> None:
    """`-x` left nothing undone."""
    done = run(tmp_path, "--initializer", broken("flatten"), "--store", "local", "--rule", "PLACE-001", "-x")
    assert done.code == pytest.ExitCode.TESTS_FAILED, done.text
    assert done.report["footer"]["complete"]


def test_a_killed_run_keeps_its_results_and_leaves_nothing(tmp_path: Path) -> None:
    """kill -9 of pytest: servers and initializers end with it, the journal can be recovered."""
    command = _command(tmp_path, "--initializer", _hanging(tmp_path), "--store", "local", "--rule", "*-001")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: _running(f"{tmp_path}/broken.py hang file:"), "the initializer to start")
        process.kill()
    wait_until(lambda: not _running(str(tmp_path)), "everything to end")
    recover = [sys.executable, "-m", "reports", "recover", str(tmp_path / "reports")]
    assert subprocess.run(recover, capture_output=True, check=False).returncode in {0, 1}
    assert (tmp_path / "reports" / "report.json").exists()


def _hanging(folder: Path) -> str:
    """An initializer that hangs, in a copy of the test's own: that of a test beside this one has another path."""
    for program in INITIALIZERS.glob("*.py"):
        shutil.copy(program, folder)
    return f"command:{sys.executable} {folder / 'broken.py'} hang"


def _running(mark: str) -> bool:
    """Whether `mark` is part of the command line of a running process."""
    return any(mark in " ".join(argv) for argv in command_lines())
