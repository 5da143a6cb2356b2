"""The pages that are made of code and data: every rule with its tests, what became of every field report, what each
release is known to break, every option.

`python -m tools.pages` writes spec.md, coverage.md, known-failures-kserve.md and options.md in docs/. With
`--check` it only prints the names of those that are out of date.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml

from conformance import known_failures
from conformance.api.messages import AMBIGUOUS
from conformance.harness.options import OWN_LIST
from conformance.spec import Message, Rule, Spec, SpecError, current
from scenarios.initializers import known_releases
from tools import options_page

TESTS = Path(__file__).parents[1] / "conformance"
DOCS = TESTS.parent / "docs"
REPORTS = DOCS / "field-reports.yaml"
ISSUES = "https://github.com/kserve/kserve/issues"
MADE = "<!-- Made by `python -m tools.pages`; do not edit. -->"

State = Literal["covered", "in part", "later"]


class PagesError(Exception):
    """Rules, tests and field reports contradict each other; the text names the id and the remedy."""


@dataclass(frozen=True)
class FieldReport:
    """What a user reported. `later` is the part to come that it, or the `rest` of it, belongs to; "" for none."""

    id: str
    says: str
    later: str = ""
    rest: str = ""


@dataclass(frozen=True)
class FieldReports:
    """All field reports. `parts`: name of a part to come -> its title; `groups`: title -> reports."""

    parts: Mapping[str, str]
    groups: Mapping[str, Sequence[FieldReport]]

    @classmethod
    def load(cls, path: Path = REPORTS) -> FieldReports:
        """Raises PagesError for an id that is used twice and for an unknown part."""
        data = yaml.load(path.read_text(), yaml.CSafeLoader)
        groups = {
            group["title"]: [FieldReport(name, **fields) for name, fields in group["reports"].items()]
            for group in data["groups"]
        }
        reports = cls(data["parts"], groups)
        counted = Counter(report.id for report in reports)
        if twice := [name for name, count in counted.items() if count > 1]:
            raise PagesError(f"{path.name}: used twice: {', '.join(twice)}")
        if unknown := [report.id for report in reports if report.later and report.later not in reports.parts]:
            raise PagesError(f"{path.name}: the part named as `later` is unknown: {', '.join(unknown)}")
        return reports

    def __iter__(self) -> Iterator[FieldReport]:
        return (report for group in self.groups.values() for report in group)


@dataclass(frozen=True)
class Pages:
    """The pages, and what they are made of. `tests`: rule id -> `test_file.py::test_name`; `known`: KServe's list."""

    spec: Spec
    tests: Mapping[str, Sequence[str]]
    reports: FieldReports
    known: Path = OWN_LIST

    @cached_property
    def covering(self) -> Mapping[str, Sequence[Rule]]:
        """Field report -> the rules that name it. Raises PagesError for what does not fit together."""
        rules: dict[str, list[Rule]] = {report.id: [] for report in self.reports}
        for rule in self.spec:
            for reference in rule.references:
                if re.fullmatch(r"#\d+", reference):
                    continue
                if reference not in rules:
                    raise PagesError(f"{rule.id} refers to {reference}: neither a field report nor an issue (#123)")
                rules[reference].append(rule)
        for report in self.reports:
            _consistent(report, rules[report.id])
        if unknown := self.tests.keys() - self.spec.rules.keys():
            raise PagesError(f"a test checks a rule that the spec does not have: {', '.join(sorted(unknown))}")
        return rules

    def state(self, report: FieldReport) -> State:
        """Whether rules cover the report, cover some of it, or a later part will."""
        if not self.covering[report.id]:
            return "later"
        return "in part" if report.later else "covered"

    def files(self) -> dict[str, str]:
        """File name -> text."""
        return {
            "spec.md": "\n".join(self._spec_page()),
            "coverage.md": "\n".join(self._coverage_page()),
            "known-failures-kserve.md": "\n".join(self._known_failures_page()),
            "options.md": "\n".join([MADE, *options_page.page()]),
        }

    def _known_failures_page(self) -> Iterator[str]:
        """A list for each release, newest first."""
        yield from ["# What KServe's releases are known to break", "", MADE, ""]
        yield "Each list is what its release broke in a run of this suite; a run that finds more, or less, fails."
        yield "[How the lists work](known-failures.md)."
        drafts = known_failures.drafts(self.known)
        for release in reversed(known_releases()):
            entries = known_failures.load(self.known, self.spec, release)
            draft = (
                " Not yet held against a whole run: drawn from the neighbouring releases." if release in drafts else ""
            )
            yield from ["", f"## {release}", "", f"{len(entries)} entries.{draft}", ""]
            yield from ["| rule | where | what is wrong | reference | mended in |", "|---|---|---|---|---|"]
            for entry in sorted(entries, key=lambda entry: (entry.rule, sorted(entry.stores))):
                where = ", ".join([*sorted(entry.stores), *entry.cases, *sorted(entry.servers)]) or "everywhere"
                rule = f"[{entry.rule}](spec.md#{entry.rule.lower()})"
                cells = (rule, where, entry.reason, entry.reference, entry.fixed or "")
                yield f"| {' | '.join(map(_cell, cells))} |"
        yield ""

    def _spec_page(self) -> Iterator[str]:
        spec, covering = self.spec, self.covering
        levels = Counter(rule.level for rule in spec)
        tests = sum(map(len, self.tests.values()))
        counts = ", ".join(f"{levels[level]} {level}" for level in ("MUST", "SHOULD", "MAY"))
        yield from (MADE, f"# Spec {spec.version}", "")
        yield f"{len(spec.rules)} rules ({counts}), checked by {tests} tests on every store that a rule applies to."
        yield "`pytest conformance/ --explain ID` says the same in the terminal."
        yield "References are [field reports](coverage.md) and issues of kserve/kserve."
        for area, title in spec.areas.items():
            rules = [rule for rule in spec if rule.area == area]
            yield from ("", f"## {title} ({area})", "", "| rule | level | title |", "|---|---|---|")
            yield from (f"| [{rule.id}](#{rule.id.lower()}) | {rule.level} | {_cell(rule.title)} |" for rule in rules)
            for rule in rules:
                yield from self._rule(rule, covering)
        yield from self._causes()
        yield ""

    def _causes(self) -> Iterator[str]:
        yield from ("", "## Causes", "")
        yield "A refusal tells its cause when the program's own words match one of the cause's regular expressions,"
        yield "in any case of letters ([which words are its own](decisions/0019-own-words.md))."
        for cause, words in self.spec.causes.items():
            yield from ("", f"### Cause: {cause}", "", *(f"- `{alternative}`" for alternative in words.alternatives))
        yield from ("", "### Reasons that exclude each other", "")
        yield f"A message that matches {AMBIGUOUS} of these or more tells no cause."
        yield ""
        for reason, words in self.spec.exclusive.items():
            yield f"- {reason}: {', '.join(f'`{alternative}`' for alternative in words.alternatives)}"

    def _rule(self, rule: Rule, covering: Mapping[str, object]) -> Iterator[str]:
        yield from ("", f"### {rule.id}", "", f"**{rule.level}: {rule.title}.** {rule.statement}", "")
        yield f"- Profile: {rule.profile}"
        yield f"- Stores: {', '.join(rule.stores) or 'none needed'}"
        yield f"- KServe: {f'`{rule.kserve}`' if str(rule.kserve) else 'all releases'}"
        if rule.budget:
            yield f"- Budget ([how it is held](throughput.md)): {rule.budget.quantity}, {rule.budget.text()}"
        if rule.cause:
            yield f"- A refusal says, in any words: [{rule.cause}](#cause-{rule.cause})"
        if rule.messages:
            yield "- KServe's own words:"
            yield from (line for message in rule.messages for line in _message(message))
        yield f"- References: {', '.join(_reference(name, name in covering) for name in rule.references)}"
        yield f"- Tests: {', '.join(f'`{test}`' for test in self.tests.get(rule.id, ())) or '**none**'}"

    def _coverage_page(self) -> Iterator[str]:
        states = Counter(self.state(report) for report in self.reports)
        later = Counter(report.later for report in self.reports if report.later)
        yield from (MADE, "# Coverage of field reports", "")
        yield "Field reports are what users of storage initializers ran into, collected from public issue trackers."
        yield f"Of {states.total()} reports, the rules of spec {self.spec.version} cover **{states['covered']}**"
        yield f"and **{states['in part']}** in part; **{states['later']}** wait for a later part of the suite."
        yield from ("", "| later part | reports | of these in part covered today |", "|---|---:|---:|")
        for part, title in self.reports.parts.items():
            partly = sum(1 for r in self.reports if r.later == part and self.state(r) == "in part")
            yield f"| {part}: {_cell(title)} | {later[part]} | {partly} |"
        for title, reports in self.reports.groups.items():
            yield from ("", f"## {title}", "", "| report | what it says | rules | later |", "|---|---|---|---|")
            for report in reports:
                rules = ", ".join(f"[{rule.id}](spec.md#{rule.id.lower()})" for rule in self.covering[report.id])
                rest = f"{report.later}: {report.rest}" if report.rest else report.later
                yield f'| <a id="{report.id.lower()}"></a>{report.id} | {_cell(report.says)} | {rules} | {rest} |'
        yield ""


def _consistent(report: FieldReport, rules: Sequence[Rule]) -> None:
    if not rules and not report.later:
        raise PagesError(f"{report.id}: no rule refers to it; add it to a rule's references or say `later`")
    if not rules and report.rest:
        raise PagesError(f"{report.id}: has a `rest`, but no rule refers to it")
    if rules and report.later and not report.rest:
        names = ", ".join(rule.id for rule in rules)
        raise PagesError(f"{report.id}: covered by {names}: remove `later`, or say in `rest` what is left")


def read_tests(folder: Path) -> dict[str, list[str]]:
    """Rule id -> the tests that bear `@rule("ID")`, read from the source of `test_*.py`."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.FunctionDef):
                for name in _rules_of(node):
                    found.setdefault(name, []).append(f"{path.relative_to(folder)}::{node.name}")
    return found


def _rules_of(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id="rule"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def _message(message: Message) -> Iterator[str]:
    scope = [*sorted(message.stores), *sorted(message.cases)]
    if str(message.kserve):
        scope.append(f"KServe {message.kserve}")
    yield from (f"  - {', '.join(scope) or 'everywhere'}:", "", "    ```text")
    yield from (f"    {line}" for line in message.text.splitlines())
    yield from ("    ```", "")


def _reference(name: str, is_report: bool) -> str:
    return f"[{name}](coverage.md#{name.lower()})" if is_report else f"[{name}]({ISSUES}/{name.removeprefix('#')})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the pages; 0 when they are up to date, 1 when they are not, 2 when they cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    parser.add_argument("--out", type=Path, default=DOCS, metavar="DIR", help="where the pages lie; default: docs/")
    options = parser.parse_args(argv)
    try:
        files = Pages(current(), read_tests(TESTS), FieldReports.load()).files()
    except (PagesError, SpecError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    stale = [name for name, text in files.items() if not _is(options.out / name, text)]
    if options.check:
        sys.stdout.writelines(f"{name} is out of date: run `python -m tools.pages`\n" for name in stale)
        return 1 if stale else 0
    options.out.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (options.out / name).write_text(files[name])
        sys.stdout.write(f"{options.out / name}\n")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
