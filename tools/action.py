"""The steps of action.yml: run the suite, show its reports in the job, sign them.

`python -m tools.action run|show|sign`, in the folder of the action. The inputs of the action arrive in environment
variables, so an input is data and never a part of a script. This module needs nothing but the standard library,
because `run` starts before anything is installed.
"""

from __future__ import annotations

import html
import os
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = ".tox/conformance/bin/python"
REPORT = "report.json"


class WrongInput(Exception):
    """An input cannot be used; the message is one line with the remedy."""


@dataclass(frozen=True)
class Run:
    """A run of the suite: its options, and the folder of its report."""

    options: Sequence[str]
    folder: Path

    @property
    def report(self) -> Path:
        """The path of the report."""
        return self.folder / REPORT


@dataclass(frozen=True)
class Job:
    """The inputs of the action, by the names of their environment variables."""

    inputs: Mapping[str, str]

    @property
    def workspace(self) -> Path:
        """The folder that relative paths start from."""
        return Path(self.inputs["WORKSPACE"])

    def runs(self) -> list[Run]:
        """Return the runs: one for each release in KSERVE_VERSIONS, or a single one. Raises WrongInput."""
        initializer, claims = self.inputs["INITIALIZER"], self.inputs["CLAIMS"]
        if not initializer and not claims:
            raise WrongInput("the action needs the input initializer or claims")
        options = ["--initializer", self._located(initializer)] if initializer else []
        options += ["--claims", str(self.workspace / claims)] if claims else []
        return self._for_each_release(options)

    def baselines(self) -> list[Run]:
        """Return the runs of the baseline, in the order of `runs`; none without a baseline. Raises WrongInput."""
        baseline = self.inputs["BASELINE"]
        runs = self._for_each_release(["--initializer", self._located(baseline)]) if baseline else []
        return [Run(run.options, run.folder / "baseline") for run in runs]

    def _for_each_release(self, options: Sequence[str]) -> list[Run]:
        folder = self.workspace / self.inputs["REPORT_DIR"]
        releases = _split(self.inputs["KSERVE_VERSIONS"])
        common = [*options, *self._selection()]
        if len(releases) < 2:
            return [Run([*common, *_repeated("--kserve", releases)], folder)]
        return [Run([*common, "--kserve", release], folder / release) for release in releases]

    def _selection(self) -> list[str]:
        chosen = [*_repeated("--profile", _split(self.inputs["PROFILES"]))]
        chosen += _repeated("--store", _split(self.inputs["STORES"]))
        try:
            return chosen + shlex.split(self.inputs["ARGUMENTS"])
        except ValueError as error:
            raise WrongInput(f"the input arguments cannot be split: {error}; quote it as for a shell") from error

    def _located(self, initializer: str) -> str:
        """Return the initializer with the path of a checkout of KServe made absolute; others stay as they are."""
        scheme, _, rest = initializer.partition(":")
        if scheme != "kserve" or not ("/" in rest or rest in {".", ".."}):
            return initializer
        return f"kserve:{self.workspace / rest}"


def run(inputs: Mapping[str, str]) -> int:
    """Make all runs, and return the exit status of the first that failed. A baseline may break rules (status 1)."""
    job = Job(inputs)
    runs, baselines = job.runs(), job.baselines()
    statuses = [status if (status := _suite(one)) != 1 else 0 for one in baselines]
    statuses += [_suite(one) for one in runs]
    return next((status for status in statuses if status), 0)


def show(inputs: Mapping[str, str]) -> int:
    """Write annotations, the summary of the job and the outputs of the step."""
    job = Job(inputs)
    runs, baselines = job.runs(), job.baselines()
    summary, outputs = Path(inputs["GITHUB_STEP_SUMMARY"]), Path(inputs["GITHUB_OUTPUT"])
    found = [str(one.report) for one in runs if one.report.is_file()]
    if len(found) < len(runs):
        _print("::error title=No report::a run ended before it could write its report; see the log of this job")
    if not found:
        _append(outputs, "verdict=none\n")
        return 0
    command = [PYTHON, "-m", "reports", "annotate", f"--summary={summary}", f"--outputs={outputs}"]
    status = subprocess.run([*command, *found], check=False).returncode
    for old, new in zip(baselines, runs, strict=False):
        if old.report.is_file() and new.report.is_file():
            command = [PYTHON, "-m", "reports", "compare", str(old.report), str(new.report)]
            compared = subprocess.run(command, capture_output=True, text=True, check=False)
            said = html.escape(compared.stdout + compared.stderr)
            _append(summary, f"\n#### Compared with the baseline\n\n<pre>\n{said}</pre>\n")
    return status


def sign(inputs: Mapping[str, str]) -> int:
    """Sign every report with the key in SIGNING_KEY, which is in a file only for this time."""
    found = [str(one.report) for one in Job(inputs).runs() if one.report.is_file()]
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key.pem")
        key.touch(mode=0o600)
        key.write_text(inputs["SIGNING_KEY"].strip() + "\n", encoding="utf-8")
        command = ["tox", "-q", "-e", "sign", "--", "--key", str(key)]
        statuses = [subprocess.run([*command, report], check=False).returncode for report in found]
    return max(statuses, default=0)


def _suite(one: Run) -> int:
    """Run the suite. GitHub obeys no workflow command in its output, which has words of the program under test."""
    token = secrets.token_hex(16)
    _print(f"::stop-commands::{token}")
    command = ["tox", "-e", "conformance", "--", *one.options, "--report-dir", str(one.folder)]
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        _print(f"::{token}::")


def _repeated(option: str, values: Sequence[str]) -> list[str]:
    return [option, ",".join(values)] if values else []


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


STEPS: Mapping[str, Callable[[Mapping[str, str]], int]] = {"run": run, "show": show, "sign": sign}


def main(step: str, inputs: Mapping[str, str]) -> int:
    """Make a step and return its exit status; 2 for a wrong input, which gets an annotation."""
    try:
        return STEPS[step](inputs)
    except WrongInput as error:
        _print(f"::error title=Wrong input::{error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ))
