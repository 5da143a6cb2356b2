"""`--explore N`: what it finds, how it shrinks and repeats it, and that no verdict depends on it."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.explore.addresses import Address
from conformance.explore.examples import ABSENT, TWO, Example, Files, Folder, Pairs, fits, named
from conformance.explore.hunt import SHRINK_CALLS, Hunt
from conformance.explore.scope import Feature, Scope
from conformance.explore.strategies import folders
from conformance.known_failures import OF_KSERVE, CaseKey, load
from conformance.spec import current
from reports import writer
from reports.reader import load as load_report
from scenarios.reasons import NotOffered
from tests.processes import wait_until
from tests.suite_runs import HONEST, command_of, heed_interrupts

HOUSE = Path(__file__).parents[2]
INITIALIZERS = HOUSE / "tests" / "initializers"
TILDE = f"command:{sys.executable} {INITIALIZERS / 'broken.py'} tilde"
#: The fixed case and the property of one rule on one store.
ONE = ("--rule", "PLACE-001", "--store", "local")
SEED = "--explore-seed=1"


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_of(folder, *options), cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def _report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_text()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--explore=0",), "--explore 0: not a number of cases; use a whole number from 1 on"),
        (("--explore=many",), "--explore many: not a number of cases"),
        (("--explore=-3",), "--explore -3: not a number of cases"),
        (("--explore=",), "--explore is empty"),
        (("--explore-seed=1",), "--explore-seed works only with --explore; add --explore N"),
        (("--explore=1", "--explore-seed=x"), "--explore-seed x: not a seed"),
        (("--explore=1", "--cluster=existing"), "--explore works only without a cluster; remove --cluster"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = _run(tmp_path, *options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_defect_that_no_case_has_is_found_shrunk_and_repeated(tmp_path: Path) -> None:
    """The verdict, the exit status and the results are those of the fixed case alone."""
    done = _run(tmp_path, "--initializer", TILDE, *ONE, "--explore=40", SEED)
    report = _report(tmp_path / "reports")
    assert done.returncode == 0, done.stdout
    assert [(one["rule"], one["outcome"]) for one in report["results"]] == [("PLACE-001", "passed")]
    (explored,) = report["explored"]
    (finding,) = explored["findings"]
    assert finding["example"] == "the folder 'model'; with '~' (1 bytes)"
    assert finding["problem"] == "exit code 1 for an ordinary source"
    assert finding["repeated"]
    assert (explored["name"], explored["store"], explored["seed"]) == ("folders", "local", 1)
    assert 0 < explored["cases"] <= 40
    for text in (done.stdout, (tmp_path / "reports" / "report.html").read_text().replace("&#39;", "'")):
        assert "1 finding, seed 1; no verdict counts them" in text
        assert finding["example"] in text
    assert (tmp_path / "reports" / finding["evidence"][0]).exists()
    load_report(tmp_path / "reports" / "report.json")
    command = [sys.executable, "-m", *shlex.split(finding["reproduce"]), f"--report-dir={tmp_path / 'again'}"]
    again = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stdout
    assert [one["example"] for one in _report(tmp_path / "again")["explored"][0]["findings"]] == [finding["example"]]


def test_an_initializer_that_keeps_the_rules_has_no_finding(tmp_path: Path) -> None:
    """Every worker divides the cases alike."""
    done = _run(tmp_path, "--initializer", HONEST, "--store=local,http", "--rule=PLACE-004", "--explore=21", "-n2")
    report = _report(tmp_path / "reports")
    assert done.returncode == 0, done.stdout
    assert sorted(one["cases"] for one in report["explored"]) == [10, 11]
    assert not [one for one in report["explored"] if one["findings"]]
    assert len({one["seed"] for one in report["explored"]}) == 1


def test_an_initializer_that_does_not_work_is_not_explored(tmp_path: Path) -> None:
    done = _run(tmp_path, "--initializer", "command:/bin/true", *ONE, "--explore=3")
    (explored,) = _report(tmp_path / "reports")["explored"]
    assert done.returncode == pytest.ExitCode.TESTS_FAILED  # by the fixed case
    assert explored["cases"] == 0
    assert "nothing to explore" in explored["reason"]


def test_without_the_option_nothing_is_collected_or_imported(tmp_path: Path) -> None:
    script = (
        "import sys, pytest\n"
        f"assert pytest.main({command_of(tmp_path, '--initializer', HONEST, *ONE)[3:]!r}) == 0\n"
        "assert 'hypothesis' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "explored" not in _report(tmp_path / "reports")
    assert "xplored" not in done.stdout


def test_an_interrupt_keeps_what_was_explored(tmp_path: Path) -> None:
    """Of the items before it, and of the item that it interrupts."""
    command = command_of(tmp_path, "--initializer", HONEST, *ONE, "--explore=100000")
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 -- no threads here
    ) as process:
        journal = tmp_path / "reports" / writer.JOURNAL
        wait_until(lambda: journal.exists() and '"result"' in journal.read_text(), "the fixed case to end")
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=120)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, text
    report = _report(tmp_path / "reports")
    assert [one["rule"] for one in report["results"]] == ["PLACE-001"]
    assert report["explored"][0]["calls"] > 0
    assert not report["footer"]["complete"]


def _scope(store: str, release: str | None = None, server: str = "") -> Scope:
    spec = current()
    known = load(OF_KSERVE, spec, release) if release else []
    return Scope(spec, CaseKey("", store, "", server, "process"), known)


def test_known_failures_are_left_out() -> None:
    """KServe keeps a folder's name on Azure Files, so only the root of a share is explored."""
    scope = _scope("azure-files", "0.21.0", "azure-files")
    assert not scope.may("PLACE-001")
    assert scope.left == {Feature("PLACE-001"): "a known failure"}
    assert _scope("azure-files").may("PLACE-001")
    assert not _scope("hf").may("PLACE-006"), "the rule does not apply there"


def test_shrinking_has_a_budget_and_repeats_no_call() -> None:
    """Each example is judged once, and at most SHRINK_CALLS of them after the first with a problem."""
    seen: list[str] = []

    def judge(example: Example) -> str:
        seen.append(repr(example))
        assert isinstance(example, Folder)
        return "too large" if sum(size for _, size in example.files.sizes) > 5000 else ""

    hunt = Hunt(judge)
    hunt.run(folders(_scope("s3")), examples=100, seeded_with="1")
    assert isinstance(hunt.found, Folder)
    assert sum(size for _, size in hunt.found.files.sizes) > 5000
    assert len(seen) == len(set(seen))
    assert len(seen) <= hunt.cases + SHRINK_CALLS


def test_an_example_that_the_store_cannot_hold_does_not_count() -> None:
    def judge(example: Example) -> str:
        if "model/model" in str(example):
            raise NotOffered("not here")
        return ""

    hunt = Hunt(judge)
    hunt.run(folders(_scope("s3")), examples=30, seeded_with="2")
    assert hunt.cases == 30
    assert hunt.rejected > 0


def test_a_store_that_holds_no_example_ends_the_hunt() -> None:
    def judge(example: Example) -> str:
        raise NotOffered(str(example))

    hunt = Hunt(judge)
    hunt.run(folders(_scope("s3")), examples=5, seeded_with="3")
    assert (hunt.cases, hunt.found) == (0, None)


def test_files_that_cannot_be_together_are_not_drawn() -> None:
    assert fits(["a/b", "a", "a/b/c", "a-b", "u\u0308", "\u00fc"]) == ["a/b", "a-b", "u\u0308"]


def test_what_a_path_names() -> None:
    assert named(TWO, "m") == {"a.bin": b"a", "b/c.bin": b"c"}
    assert named(TWO, "m/b/c.bin") == {"c.bin": b"c"}
    assert named(TWO, "") == TWO
    assert named(TWO, "m/abs") == {}


class _Store:
    """As far as examples need one."""

    case = "case-1"
    mount = ""

    def put(self, tree: object) -> None:
        pass

    def uri(self, path: str) -> str:
        return f"s3://{self.case}/{path}"

    def absent(self) -> str:
        return self.uri("absent")


@pytest.mark.parametrize(
    ("edits", "uri", "accepted"),
    [
        ([("doubled slash", 0)], "s3://case-1//m", [named(TWO, "m")]),
        ([("absent word", 0)], "s3://case-1/m/absent", []),
        ([("encoded character", 0)], "s3://case-1/%6D", [named(TWO, "m")]),
        ([("segment dropped", 0)], "s3://case-1", [TWO]),
        ([("one slash after the scheme", 0), ("trailing slash", 0)], "s3:/case-1/m/", [named(TWO, "m")]),
        ([("upper-case scheme", 0), ("leading space", 0)], " S3://case-1/m", [named(TWO, "m")]),
    ],
)
def test_edits_of_a_uri(edits: list[tuple[str, int]], uri: str, accepted: list[dict[str, bytes]]) -> None:
    play = Address("m", tuple(edits)).play(_Store())  # type: ignore[arg-type]
    assert list(play.uris) == [uri]
    assert list(play.accepted[0]) == accepted
    assert play.refusable


def test_a_call_with_an_absent_source_must_fail() -> None:
    play = Pairs(("m", ABSENT)).play(_Store())  # type: ignore[arg-type]
    assert list(play.accepted) == [[], []]
    assert play.refusable


def test_the_features_of_a_folder_begin_with_the_most_specific() -> None:
    folder = Folder(Files((("model", 0), ("b c", 1))), "model", markers=("",), slashes=1)
    assert [str(one) for one in folder.features()] == [
        *("PLACE-010", "PLACE-013 space", "PLACE-009", "PLACE-008", "PLACE-007", "PLACE-003", "PLACE-001"),
    ]
