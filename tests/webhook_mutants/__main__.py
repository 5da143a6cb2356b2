"""`python -m tests.webhook_mutants` checks that the rules on injection and flow notice the defects they should."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase

import pytest

from clusters.kserve.releases import installable, newest_installable
from conformance import known_failures
from conformance.harness.schedule import processes
from conformance.known_failures import OF_KSERVE
from conformance.spec import Spec, current
from scenarios.initializers.proc import cores
from tests.commands import add_choice, add_processes, say
from tests.webhook_mutants import matrix
from tests.webhook_mutants.groups import load
from tests.webhook_mutants.registry import PROFILES, Mutant, Registry, RegistryError
from tests.webhook_mutants.verdict import Collector, Verdict, What, faults, judge, unlisted, unproven

PROVEN, UNPROVEN, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run; return the exit status."""
    asked = _parser().parse_args(arguments)
    spec, known = current(), load()
    try:
        known.check(spec)
    except RegistryError as error:
        say(str(error))
        return UNPROVEN
    chosen = _chosen(known, asked.only, asked.rule)
    whole = not (asked.only or asked.rule)
    if not chosen or (asked.write and not whole):
        say("--write needs all mutants" if chosen else "no mutant is chosen; see --list")
        return USAGE
    if asked.list:
        print("\n".join(f"{one.name}  {', '.join(one.rules)}  {one.says}" for one in chosen))  # noqa: T201
        return PROVEN
    collector = Collector()
    with tempfile.TemporaryDirectory() as temporary:
        status = pytest.main(_session(asked, chosen, temporary), plugins=[collector])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return USAGE if status == pytest.ExitCode.USAGE_ERROR else UNPROVEN
    verdicts = list(judge(chosen, collector.seen, spec, asked.kserve))
    listed = {entry.rule for entry in known_failures.load(OF_KSERVE, spec, asked.kserve)}
    wrong = [*faults(verdicts), *unproven(collector.seen, spec), *unlisted(verdicts, listed)]
    if whole:
        wrong += [f"no mutant shows that {rule} notices" for rule in known.without_mutant(spec)]
    if asked.write and not wrong:
        wrong += _write(verdicts, known, spec, asked.kserve)
    for line in wrong:
        say(line)
    say(_summary(verdicts, asked.kserve))
    return UNPROVEN if wrong else PROVEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.webhook_mutants",
        description="Alter what KServe answers, in one way at a time, on a kind cluster: each rule that a mutant names "
        "must fail on it, unless the release breaks the rule by itself.",
        epilog="Exit status: 0 everything was noticed; 1 something was not, or could not be shown; 2 a command line "
        "that cannot be. One mutant by hand: pytest conformance -p tests.webhook_mutants.plugin --mutant NAME "
        "--rule ID --cluster kind",
    )
    parser.add_argument(
        "--kserve",
        default=newest_installable(),
        choices=installable(),
        metavar="VERSION",
        help="the release whose answers are altered (default: %(default)s)",
    )
    add_choice(parser, "docs/webhook-mutants.md")
    add_processes(parser, processes(2 * cores()))
    parser.add_argument(
        "--keep-cluster", action="store_true", help="leave the kind cluster for the next run, and use it"
    )
    return parser


def _chosen(known: Registry, names: Sequence[str], rules: Sequence[str]) -> list[Mutant]:
    """Return the mutants that the command line selects, with the selected rules."""
    found = [one for one in known if not names or any(fnmatchcase(one.name, name) for name in names)]
    return [some for one in found if (some := one.within(rules)).rules]


def _session(asked: argparse.Namespace, chosen: Sequence[Mutant], reports: str) -> list[str]:
    """Return the command line of the pytest session that runs everything."""
    suite = str(matrix.PAGE.parents[1] / "conformance")
    line = [suite, "-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "tests.webhook_mutants.plugin"]
    line += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # this program has already imported the suite's plugins
    line += ["--cluster=kind", f"--kserve={asked.kserve}", "--known-failures=none", f"--report-dir={reports}"]
    line += ["-n", str(asked.numprocesses), *(f"--mutant={one.name}" for one in chosen)]
    if asked.keep_cluster:
        line.append("--keep-cluster")
    if asked.only or asked.rule:
        return [*line, *(f"--rule={rule}" for rule in dict.fromkeys(rule for one in chosen for rule in one.rules))]
    return [*line, *(f"--profile={profile}" for profile in PROFILES)]


def _write(verdicts: Sequence[Verdict], known: Registry, spec: Spec, release: str) -> list[str]:
    """Update the page. Return one line for each pair that no release has shown yet."""
    before = matrix.read(matrix.PAGE.read_text()) if matrix.PAGE.exists() else {}
    pairs = matrix.merged(before, verdicts, release, known)
    matrix.PAGE.write_text(matrix.page(pairs, known, spec))
    return matrix.gaps(pairs, known)


def _summary(verdicts: Sequence[Verdict], release: str) -> str:
    count = {what: sum(one.what is what for one in verdicts) for what in What}
    rules = {one.rule for one in verdicts}
    return f"KServe {release}: {len(rules)} rules in force, {len(verdicts)} pairs of rule and mutant: " + ", ".join(
        f"{number} {what}" for what, number in count.items() if number
    )


if __name__ == "__main__":
    sys.exit(main())
