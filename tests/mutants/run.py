"""`python -m tests.mutants.run` checks that the suite notices the defects it is meant to notice.

It runs the cases of every mutant on this mutant of the reference initializer, and all cases on the reference itself.
The exit status is 0 if every rule that a mutant names killed it and the reference passed, 1 if not, and 2 for an
invalid command line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial

import pytest

from conformance.spec import Spec, current
from reports.model import Outcome
from scenarios.initializers import newest
from scenarios.stores import plugins
from scenarios.stores.plugins import PluginError
from tests.commands import add_choice, add_processes, say
from tests.mutants import matrix, plugged, registry
from tests.mutants.killing import Killing, command, session
from tests.mutants.registry import Mutant, Registry, RegistryError
from tests.mutants.verdict import disgraced

KILLED, SURVIVED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run; return the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        plugins.load(asked.plugin)
        spec, known = current(), registry.load()
        known.check(spec)
        chosen = _chosen(known, asked.only, asked.rule)
        elsewhere = plugged.elsewhere(chosen) if asked.plugin else frozenset()
        if asked.plugin:
            chosen = plugged.moved(chosen, spec)
    except (PluginError, RegistryError) as error:
        say(f"tests/mutants: {error}")
        return USAGE if isinstance(error, PluginError) else SURVIVED
    if not chosen:
        say("no mutant is chosen; see --list")
        return USAGE
    if asked.list:
        print("\n".join(f"{one.name}  {', '.join(one.rules)}  {one.says}" for one in chosen))  # noqa: T201
        return KILLED
    whole = not (asked.only or asked.rule or asked.plugin)
    if asked.write and not whole:
        say("--write needs a run over all mutants: leave out --only, --rule and --plugin")
        return USAGE
    verdict = partial(plugged.judge_leniently, elsewhere)
    killing = Killing(chosen, at_a_time=asked.numprocesses, whole=whole, verdict=verdict)
    status = pytest.main(_session(chosen, asked.report_dir, whole=whole), plugins=[killing])
    if status == pytest.ExitCode.USAGE_ERROR:
        return USAGE
    if asked.plugin:
        killing.reference = plugged.played(killing.reference)
    wrong = _wrong(killing, known, spec, whole=whole)
    if whole and len(killing.verdicts) == len(chosen):
        wrong += _page(killing, known, spec, write=asked.write)
    unproven = plugged.unproven(killing.verdicts, chosen) if asked.plugin else []
    for line in [*unproven, *wrong]:
        say(line)
    killed = sum(verdict.killed and bool(verdict.kills) for verdict in killing.verdicts)
    passed = sum(result.outcome is Outcome.PASSED for result in killing.reference)
    say(f"{killed} of {len(chosen)} mutants killed; the reference passed {passed} of {len(killing.reference)} cases")
    noticed = len(killing.verdicts) == len(chosen) and all(verdict.killed for verdict in killing.verdicts)
    return KILLED if status == pytest.ExitCode.OK and not wrong and noticed else SURVIVED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants.run",
        description="Run the mutants of the reference initializer: each must be noticed by the rules that it names.",
        epilog="One mutant by hand: python tests/mutants reference NAME SRC DEST [SRC DEST ...]",
    )
    add_choice(parser, "docs/mutants.md")
    add_processes(parser)
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="MODULE",
        help="run the mutants on the stores of this plugin (docs/plugins.md), and on no others",
    )  # fmt: skip
    parser.add_argument(
        "--report-dir",
        default="mutants-report",
        metavar="DIR",
        help="where the reference's own conformance report goes (default: %(default)s/)",
    )
    return parser


def _chosen(known: Registry, names: Sequence[str], rules: Sequence[str]) -> list[Mutant]:
    return [
        one
        for one in known
        if (not names or any(fnmatchcase(one.name, name) for name in names))
        and (not rules or any(fnmatchcase(rule, pattern) for rule in one.rules for pattern in rules))
    ]


def _session(chosen: Sequence[Mutant], reports: str, *, whole: bool) -> list[str]:
    """Return the command line of the pytest session that runs everything."""
    if not whole:
        return session(command("-"), reports, chosen)
    profiles = (f"--profile={profile}" for profile in registry.PROFILES)
    return [*session(command("-"), reports), *profiles, *(f"--store={store}" for store in registry.QUICKEST)]


def _wrong(killing: Killing, known: Registry, spec: Spec, *, whole: bool) -> list[str]:
    """Return the reasons why this run proves less than it should, one line each."""
    leftover_processes = [verdict for verdict in killing.verdicts if not verdict.killed]
    lines = [f"SURVIVED {verdict.mutant.name}: {reason}" for verdict in leftover_processes for reason in verdict.wrong]
    lines += [f"the reference is wrong: {line}" for line in disgraced(killing.reference)]
    if whole:
        lines += [f"no mutant shows that {rule} notices" for rule in known.without_mutant(spec, newest())]
    return lines


def _page(killing: Killing, known: Registry, spec: Spec, *, write: bool) -> list[str]:
    if write:
        matrix.PAGE.write_text(matrix.page(killing.verdicts, spec))
    committed = matrix.PAGE.read_text() if matrix.PAGE.exists() else ""
    return [f"docs/mutants.md is out of date: {line}" for line in matrix.stale(committed, known)]


if __name__ == "__main__":
    sys.exit(main())
