"""Generate docs/spec/: an index of the spec, and a page for each area with its rules."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.api.messages import AMBIGUOUS
from conformance.spec import Level, Message, Rule, Spec
from tools import links

_LEVELS: Mapping[Level, str] = {
    "MUST": "decides the verdict of its profile",
    "SHOULD": "is tested and reported, but decides no verdict",
    "MAY": "is tested and reported, and is optional",
}


@dataclass(frozen=True)
class SpecPages:
    """The data of the pages.

    tests     maps each rule id to its tests, as `FOLDER/test_file.py::test_name`.
    issues    maps each field report to its issue, or "".
    meanings  maps each group of stores to its meaning, in one sentence.
    """

    spec: Spec
    tests: Mapping[str, Sequence[str]]
    issues: Mapping[str, str]
    meanings: Mapping[str, str]

    def files(self) -> dict[str, Iterator[str]]:
        """Map each file name to its lines."""
        pages = {f"spec/{area.lower()}.md": self._area(area, title) for area, title in self.spec.areas.items()}
        return {"spec/index.md": self._index(), **pages}

    def _index(self) -> Iterator[str]:
        spec = self.spec
        tests = sum(map(len, self.tests.values()))
        yield from (f"# Spec {spec.version}", "")
        yield f"The spec has {len(spec.rules)} rules. Each rule is one sentence that a storage initializer, or KServe's"
        yield f"injection of it, keeps or breaks. {tests} tests check the rules. A test runs on every store that its"
        yield "rule applies to. `pytest conformance/ --explain ID` prints a rule in the terminal. No id is renamed or"
        yield "used again."
        yield from self._areas()
        yield from self._levels()
        yield from self._features()
        yield from self._groups()
        yield from self._causes()
        yield ""

    def _areas(self) -> Iterator[str]:
        yield from ("", "## Areas", "", "| area | rules about | profiles | rules | MUST |", "|---|---|---|---:|---:|")
        for area, title in sorted(self.spec.areas.items()):
            rules = [rule for rule in self.spec if rule.area == area]
            profiles = ", ".join(sorted({rule.profile for rule in rules}))
            musts = sum(rule.level == "MUST" for rule in rules)
            yield f"| [{area}]({area.lower()}.md) | {links.cell(title)} | {profiles} | {len(rules)} | {musts} |"

    def _levels(self) -> Iterator[str]:
        counts = Counter(rule.level for rule in self.spec)
        yield from ("", "## Levels", "", "| level | rules | a rule of this level |", "|---|---:|---|")
        yield from (f"| {level} | {counts[level]} | {effect} |" for level, effect in _LEVELS.items())
        core = [links.rule(rule.id, "") for rule in self.spec if rule.core]
        yield ""
        yield f"The words are those of RFC 2119. {len(core)} rules are *core rules*: no list of"
        yield f"[known failures](../known-failures.md) excuses them. They are {', '.join(core)}."

    def _features(self) -> Iterator[str]:
        yield from ("", "## Features", "")
        yield "A rule that requires an ability which an initializer may lack names the *feature* that it needs. A"
        yield "container [claims](../claims.md) its features; the rules of the others do not count. A rule that forbids"
        yield "something needs no feature, and neither does a core rule."
        yield from ("", "| feature | meaning | rules |", "|---|---|---|")
        for name, sentence in self.spec.features.items():
            rules = [links.rule(rule.id, "") for rule in self.spec if name in rule.features]
            yield f"| `{name}` | {links.cell(sentence)} | {', '.join(rules)} |"

    def _groups(self) -> Iterator[str]:
        yield from ("", "## Groups of stores", "")
        yield "A rule names groups of stores. It applies to every store of these groups."
        yield from ("", "| group | meaning | stores |", "|---|---|---|")
        for group, stores in self.spec.groups.items():
            meaning = self.meanings.get(group, "Every store." if group == "all" else "")
            yield f"| `{group}` | {links.cell(meaning)} | {', '.join(stores)} |"

    def _causes(self) -> Iterator[str]:
        yield from ("", "## Causes", "")
        yield "A rule about an error can ask for a cause. The program's own words name the cause when they match one of"
        yield "its regular expressions; case does not matter. [Decision 19](../decisions/0019-own-words.md) explains"
        yield "which words are the program's own."
        for cause, words in self.spec.causes.items():
            yield from ("", f"### Cause: {cause}", "", *(f"- `{alternative}`" for alternative in words.alternatives))
        yield from ("", "### Reasons that exclude each other", "")
        yield f"A message that matches {AMBIGUOUS} or more of these reasons names no cause."
        yield ""
        for reason, words in self.spec.exclusive.items():
            yield f"- {reason}: {', '.join(f'`{alternative}`' for alternative in words.alternatives)}"

    def _area(self, area: str, title: str) -> Iterator[str]:
        rules = [rule for rule in self.spec if rule.area == area]
        yield from (f"# {title} ({area})", "", f"Spec {self.spec.version}. [All areas](index.md).", "")
        yield from ("| rule | level | title |", "|---|---|---|")
        for rule in rules:
            level = f"{rule.level}, core" if rule.core else rule.level
            yield f"| [{rule.id}](#{rule.id.lower()}) | {level} | {links.cell(rule.title)} |"
        for rule in rules:
            yield from self._rule(rule)
        yield ""

    def _rule(self, rule: Rule) -> Iterator[str]:
        yield from ("", f"## {rule.id}", "", f"**{rule.level}: {rule.title}.** {rule.statement}", "")
        yield f"- Profile: {rule.profile}"
        yield f"- Stores: {', '.join(rule.stores) or 'none needed'}"
        yield f"- KServe: {f'`{rule.kserve}`' if str(rule.kserve) else 'all releases'}"
        if rule.core:
            yield "- [Core rule](index.md#levels): no list of known failures excuses it"
        for name, cases in rule.features.items():
            some = "" if cases == ("*",) else f", in the cases {', '.join(f'`{case}`' for case in cases)}"
            yield f"- Needs the [feature](index.md#features) `{name}`{some}"
        if rule.budget:
            yield f"- [Budget](../throughput.md): {rule.budget.quantity}, {rule.budget.text()}"
        if rule.cause:
            yield f"- The error names this cause, in any words: [{rule.cause}](index.md#cause-{rule.cause})"
        if rule.messages:
            yield "- KServe's own words:"
            yield from (line for message in rule.messages for line in _message(message))
        yield f"- References: {', '.join(links.reference(name, self.issues, '../') for name in rule.references)}"
        yield f"- Tests: {', '.join(f'`{test}`' for test in self.tests.get(rule.id, ())) or '**none**'}"


def _message(message: Message) -> Iterator[str]:
    scope = [*sorted(message.stores), *sorted(message.cases)]
    if str(message.kserve):
        scope.append(f"KServe {message.kserve}")
    # Four spaces for each level: Python-Markdown requires them, and GitHub accepts them.
    yield from (f"    - {', '.join(scope) or 'everywhere'}:", "", "        ```text")
    yield from (f"        {line}" for line in message.text.splitlines())
    yield from ("        ```", "")


def read_tests(folder: Path) -> dict[str, list[str]]:
    """Map each rule id to the tests with `@rule("ID")`, from the source of `test_*.py`; none that explores."""
    found: dict[str, list[str]] = {}
    for path in sorted(set(folder.rglob("test_*.py")) - set(folder.glob("explore/*"))):
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
