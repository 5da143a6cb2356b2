"""`python -m tests.anti_subjects`: whether the suite is taken in by programs that cheat.

Runs each cheat against the cases of the rules that it names, and the honest program under them against all of these.
The exit status is 0 when every cheat was noticed as it should be and the honest program passed, and 1 when not.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conformance.spec import Spec, current
from reports.model import Outcome, Result
from tests.anti_subjects.registry import Cheat, load
from tests.commands import add_processes, say
from tests.mutants.killing import Killing, session
from tests.mutants.registry import Mutant, RegistryError
from tests.mutants.verdict import Verdict, disgraced, judge

HERE = Path(__file__).parent
#: What the program needs beside its own folder.
FOLDERS = (HERE.parent / "mutants", HERE.parent / "initializers")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; returns the exit status."""
    asked = _parser().parse_args(arguments)
    known = load()
    try:
        known.check(current())
    except RegistryError as error:
        say(str(error))
        return 1
    chosen = [one for one in known if not asked.names or any(fnmatchcase(one.name, name) for name in asked.names)]
    if asked.list:
        print("\n".join(f"{one.name}  {', '.join(one.asked)}  {one.says}" for one in chosen))
    if asked.list or not chosen:
        return 0 if chosen else 2
    killing = Killing(chosen, at_a_time=asked.numprocesses, whole=False, program=program, verdict=verdict)
    status = pytest.main(session(program("-"), asked.report_dir, chosen), plugins=[killing])
    taken_in = [f"TAKEN IN by {one.mutant.name}: {reason}" for one in killing.verdicts for reason in one.wrong]
    wrong = [*taken_in, *(f"the honest program is wrong: {line}" for line in disgraced(killing.reference))]
    for line in wrong:
        say(line)
    unnoticed = [one for one in chosen if isinstance(one, Cheat) and one.unnoticed]
    for one in unnoticed:
        say(f"not noticed, as is known: {one.name}: {one.unnoticed}")
    noticed = sum(bool(one.kills) for one in killing.verdicts)
    say(f"{noticed} of {len(chosen)} cheats noticed, {len(unnoticed)} known not to be")
    say(f"the honest program had {len(killing.reference)} cases")
    return 0 if status == pytest.ExitCode.OK and not wrong and len(killing.verdicts) == len(chosen) else 1


def program(name: str) -> str:
    """What follows `command:` to run that cheat; `-` is the honest program."""
    return shlex.join([sys.executable, str(HERE / "program.py"), *map(str, FOLDERS), name])


def verdict(cheat: Mutant, results: Collection[Result], spec: Spec) -> Verdict:
    """That of a mutant; and no case of a barred rule may have passed. What is known to be unnoticed has to be so."""
    assert isinstance(cheat, Cheat), "what `load` has"
    passed = dict.fromkeys(one.rule for one in results if one.rule in cheat.barred and one.outcome is Outcome.PASSED)
    judged = judge(cheat, results, spec)
    if cheat.unnoticed:
        return replace(judged, wrong=[f"{kill.rule} notices it now: take `unnoticed` away" for kill in judged.kills])
    return replace(judged, wrong=[*judged.wrong, *(f"{rule} passed a case of it" for rule in passed)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.anti_subjects",
        description="Run programs that cheat: the suite must notice each, by the rules that it names.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only this cheat, or cheats like Leak*")
    add_processes(parser)
    parser.add_argument("--list", action="store_true", help="list the chosen cheats, and run nothing")
    parser.add_argument(
        "--report-dir",
        default="anti-subjects-report",
        metavar="DIR",
        help="where the honest program's own conformance report goes (default: %(default)s/)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
