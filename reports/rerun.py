"""Repeat a sample of a report's cases with the same program, and compare the outcomes."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from reports import reader
from reports.compare import Change, Difference, compare
from reports.installed import ROOT, Case, Installed
from reports.model import Report, Result
from reports.verdict import EXECUTED
from reports.verification.checked import Checked, failed, listed, ok, shown

#: A spec of this form names a program that the suite itself installs.
_RELEASE = re.compile(r"kserve:\d+\.\d+\.\d+")
_VALUE = re.compile(r"[A-Za-z0-9.-]+")
#: Seconds for the whole sample.
_LONGEST = 3600


class CannotRepeat(Exception):
    """The cases cannot be repeated here; the message is one line with the remedy."""


@dataclass(frozen=True)
class Repeat:
    """What to repeat.

    number       how many cases.
    seed         of the random choice.
    initializer  the value for --initializer; "" for the program of the claims, or that of the report if the suite
                 installs it itself.
    claims       the file for --claims; None for a report without claims.
    options      more options of the run.
    """

    number: int
    seed: int
    initializer: str = ""
    claims: Path | None = None
    options: tuple[str, ...] = ()


def rerun(report: Report, suite: Installed, asked: Repeat) -> list[Checked]:
    """Repeat a sample of the cases that judged the initializer. Raises CannotRepeat.

    The commands come from the suite, never from the report.
    """
    chosen = _sample(report, suite, asked)
    how = f"{len(chosen)} {'cases' if len(chosen) > 1 else 'case'}, seed {asked.seed}"
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        again = _run(report, [case for case, _ in chosen], asked, Path(folder))
    before = replace(report, results=tuple(result for _, result in chosen))
    found = compare(before, again)
    checks = [_program(report, again)]
    if other := [difference for difference in found if difference.change in {Change.BROKE, Change.FIXED}]:
        text = f"{len(other)} of {how} ended differently: {listed([_name(one) for one in other])}"
        checks.append(failed("rerun", text, "do not trust the report; run the whole suite yourself"))
    elif gone := [difference for difference in found if difference.change is Change.GONE]:
        text = f"{len(gone)} of {how} were not judged here: {listed([_name(one) for one in gone])}"
        checks.append(
            failed("rerun", text, "a server is absent here, or the program loads nothing: run these cases yourself")
        )
    else:
        checks.append(ok("rerun", f"{how}: all ended as in the report"))
    return checks


def _sample(report: Report, suite: Installed, asked: Repeat) -> list[tuple[Case, Result]]:
    nodes = {(name, c.name, c.store, c.case): c for name, rule in suite.rules.items() for c in rule.cases}
    keyed = [((one.rule, one.test, one.store, one.case), one) for one in report.results if one.outcome in EXECUTED]
    judged = [(nodes[key], one) for key, one in keyed if key in nodes]
    if not judged:
        raise CannotRepeat("the report has no case of this suite that judged the initializer; run the whole suite")
    return random.Random(asked.seed).sample(judged, min(asked.number, len(judged)))  # noqa: S311 - a sample


def _run(report: Report, cases: list[Case], asked: Repeat, folder: Path) -> Report:
    nodes = [str(ROOT / "conformance" / case.node) for case in cases]
    options = ["--import-mode=importlib", "--strict-markers", f"--rootdir={ROOT}", "-c", os.devnull, "-q"]
    options += [f"-pno:{plugin}" for plugin in ("pytest-kind", "hypothesispytest", "cacheprovider")]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *_options(report, asked), f"--report-dir={folder}", *nodes],
            env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=_LONGEST, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise CannotRepeat(f"the cases did not end in {_LONGEST // 60} minutes; repeat fewer of them") from late
    if not (folder / "report.json").exists():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CannotRepeat(f"the cases cannot run here: {shown(last[0]) if last else 'no output'}")
    return reader.load(folder / "report.json")


def _options(report: Report, asked: Repeat) -> list[str]:
    """The options of the run. Values of the report are used only where they cannot name a program or a file."""
    if report.environment.cluster.provider:
        raise CannotRepeat("the report is of a run on a cluster; run the whole suite there")
    if bool(report.claims.sha256) != bool(asked.claims):
        raise CannotRepeat(
            f"the run was held to claims: give {shown(report.claims.file)} with --claims"
            if report.claims.sha256
            else "the run was held to no claims: remove --claims"
        )
    program = _initializer(report, asked)
    values = (report.kserve, report.environment.servers_mode)
    if not all(map(_VALUE.fullmatch, values)):
        raise CannotRepeat(f"the report names an impossible release or mode of servers: {shown(' '.join(values))}")
    fixed = [f"--kserve={values[0]}", f"--servers={values[1]}", "-n", "2", *asked.options]
    # The claims name a list of known failures too, which changes no conduct.
    fixed.append(f"--claims={asked.claims}" if asked.claims else "--known-failures=none")
    return [*fixed, *program]


def _initializer(report: Report, asked: Repeat) -> list[str]:
    """The program as an option. A report alone names none that runs here, but for those that the suite installs."""
    initializer = asked.initializer or report.initializer.spec
    if asked.initializer or (not asked.claims and _RELEASE.fullmatch(initializer)):
        return [f"--initializer={initializer}"]
    if asked.claims:
        return []
    raise CannotRepeat(
        f"--rerun starts no program that only a report names: give --initializer; it is {shown(initializer)}"
    )


def _program(report: Report, again: Report) -> Checked:
    was, now = report.initializer.digest, again.initializer.digest
    if was != now:
        text = f"the report is about {was[:19]}..., and the program here is {now[:19]}..."
        return failed("program", text, "repeat the cases with the program that was tested")
    return ok("program", f"the program here has the digest of the report, {was[:19]}...")


def _name(difference: Difference) -> str:
    case = difference.case
    name = f"{case.test}[{case.case}]" if case.case else case.test
    return f"{case.rule} {case.store} {name}, {difference.old} then {difference.new or 'absent'}"
