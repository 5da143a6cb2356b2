"""The spec: every rule as data, with its schema and loader. Each area is one YAML file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, cast

import jsonschema
import yaml
from packaging.specifiers import SpecifierSet

from reports.installed import areas, spec_digest
from reports.scoped import Scoped
from scenarios.stores import plugins

Level = Literal["MUST", "SHOULD", "MAY"]

#: Profile -> routes that observe its rules, unless a rule or its area sets others.
ROUTES = {
    "download": ("process", "container", "pod"),
    "faults": ("process", "container"),
    "throughput": ("process", "container"),
    "security": ("process", "container"),
    "injection": ("admission",),
    "flow": ("pod",),
    "llm": ("admission",),
    "cache": ("pod",),
}

FOLDER = Path(__file__).parent


class SpecError(Exception):
    """The rules violate their schema or contradict each other. The message names the file and the rule."""


@dataclass(frozen=True)
class Message:
    """The exact text that a KServe release prints, with `{uri}`, `{container}`, `{path}` and `{host}` of the case."""

    text: str
    stores: frozenset[str]
    kserve: SpecifierSet
    cases: frozenset[str]


@dataclass(frozen=True)
class Budget:
    """A rule's limit on a measured quantity (see `conformance.api.benchmark`), the same on every machine.

    unit    the unit of the quantity: s, MiB, or the value that it is a multiple of.
    limit   the maximum, or, with `least`, the minimum.
    of      the value, measured for each sample, that `limit` multiplies. "" if `limit` is absolute.
    plus    added to the limit, in `unit`.
    stores  store -> its own limit, where it differs.
    """

    quantity: str
    unit: str
    limit: float
    least: bool = False
    of: str = ""
    plus: float = 0.0
    stores: Mapping[str, float] = field(default_factory=dict)

    def number(self, store: str) -> float:
        """Return the limit for `store`."""
        return self.stores.get(store, self.limit)

    def share(self, store: str, value: float, beside: float = 1.0) -> float:
        """Return the share of the budget that a sample uses. More than 1 exceeds the budget."""
        allowed = self.number(store) * (beside if self.of else 1.0) + self.plus
        return allowed / value if self.least else value / allowed

    def text(self, store: str = "") -> str:
        """Describe the budget in words."""
        words = [f"{'at least' if self.least else 'at most'} {self.number(store):g}"]
        words += [f"times {self.of}"] if self.of else [self.unit]
        words += [f"plus {self.plus:g} {self.unit}"] if self.plus else []
        if not store:
            words += [f"({name}: {number:g})" for name, number in self.stores.items()]
        return " ".join(words)


@dataclass(frozen=True)
class Words:
    """Regular expressions, of which a message must match at least one. Case does not matter.

    Raises SpecError for an invalid expression.
    """

    alternatives: tuple[str, ...]

    def __post_init__(self) -> None:
        for alternative in self.alternatives:
            try:
                re.compile(alternative)
            except re.error as error:
                raise SpecError(f"{alternative!r} is no regular expression: {error}") from error

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All alternatives as one pattern."""
        return re.compile("|".join(self.alternatives), re.IGNORECASE | re.MULTILINE)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match in `text`."""
        return self.pattern.search(text)


@dataclass(frozen=True)
class Rule(Scoped):
    """One requirement that an initializer follows or breaks.

    routes      routes that can observe it: process, container, pod, admission.
    stores      names of stores that it applies to. Empty for a rule that needs no store.
    kserve      KServe releases for which it is in force.
    cause       key of `Spec.causes`: the cause that an error message must name when no exact message applies.
    references  IDs of field reports, and issue numbers.
    budget      the limit, if the rule limits a measured quantity.
    needs       names of stores that its test uses without judging them.
    identities  whether its test uses the services that give a pod its identity.
    features    optional feature -> patterns of the cases that need it.
    core        whether no known-failures list may declare it: the tree arrives, a failure ends with a non-zero exit
                code, nothing leaves the destination, no secret is printed, TLS is verified.
    """

    id: str
    title: str
    statement: str
    level: Level
    profile: str
    routes: tuple[str, ...]
    stores: tuple[str, ...]
    kserve: SpecifierSet
    references: tuple[str, ...]
    messages: tuple[Message, ...] = ()
    cause: str | None = None
    budget: Budget | None = None
    needs: tuple[str, ...] = ()
    identities: bool = False
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    core: bool = False

    @property
    def area(self) -> str:
        return self.id.rsplit("-", 1)[0]

    def message(self, release: str, store: str | None, case: str) -> str | None:
        """Return the exact message for this release, store and case. None if the rule prescribes only the meaning."""
        for message in self.messages:
            if (
                message.kserve.contains(release, prereleases=True)
                and (not message.stores or store in message.stores)
                and (not message.cases or case in message.cases)
            ):
                return message.text
        return None


@dataclass(frozen=True)
class Spec:
    """All rules and the data that they share.

    causes     cause -> words that a clear message must match.
    exclusive  mutually exclusive cause -> words of a message that names it.
    features   optional feature -> one sentence about it.
    """

    version: str
    digest: str
    #: Group -> names of its stores. Includes the group `all`.
    groups: Mapping[str, tuple[str, ...]]
    areas: Mapping[str, str]
    causes: Mapping[str, Words]
    exclusive: Mapping[str, Words]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules.values())

    def __getitem__(self, rule_id: str) -> Rule:
        return self.rules[rule_id]

    def musts(self) -> Iterator[tuple[Rule, str]]:
        """Yield each MUST with each of its stores, or with "" if it needs none."""
        return ((rule, store) for rule in self if rule.level == "MUST" for store in rule.stores or ("",))


def _read(path: Path, schema: Mapping[str, Any], definition: str) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(), yaml.CSafeLoader)
        # `jsonschema.validate` would also check the schema itself again for every file.
        jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{definition}"}).validate(data)
    except (yaml.YAMLError, jsonschema.ValidationError) as error:
        reason = error.message if isinstance(error, jsonschema.ValidationError) else str(error)
        where = "/".join(map(str, error.absolute_path)) if isinstance(error, jsonschema.ValidationError) else ""
        raise SpecError(f"{path.name}: {where}: {reason}") from error
    return cast("dict[str, Any]", data)


def expand(names: Iterable[str], groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the stores that `names` of stores and groups denote."""
    return tuple(dict.fromkeys(store for name in names for store in groups.get(name, [name])))


def _groups(head: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return group -> its stores. Raises SpecError for a group without a definition."""
    stores: Mapping[str, list[str]] = head["stores"]
    for store, groups in stores.items():
        if unknown := sorted(set(groups) - set(head["groups"])):
            raise SpecError(f"{store} joins an unknown group {unknown[0]}; the groups: {', '.join(head['groups'])}")
    members = {group: tuple(store for store, joined in stores.items() if group in joined) for group in head["groups"]}
    return members | {"all": tuple(stores)}


def _rule(raw: Mapping[str, Any], area: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> Rule:
    profile = raw.get("profile") or area.get("profile", "download")
    feature = raw.get("feature", {})
    return Rule(
        id=raw["id"],
        title=raw["title"],
        statement=" ".join(raw["statement"].split()),
        level=raw["level"],
        profile=profile,
        routes=tuple(raw.get("routes") or area.get("routes") or ROUTES[profile]),
        stores=expand(raw["stores"], groups),
        kserve=SpecifierSet(raw.get("kserve", "")),
        references=tuple(raw["references"]),
        messages=tuple(
            Message(
                text=message["text"],
                stores=frozenset(expand(message.get("stores", []), groups)),
                kserve=SpecifierSet(message.get("kserve", "")),
                cases=frozenset(message.get("cases", [])),
            )
            for message in raw.get("messages", [])
        ),
        cause=raw.get("cause"),
        budget=_budget(raw["budget"]) if "budget" in raw else None,
        needs=tuple(raw.get("needs", ())),
        identities=raw.get("identities") or area.get("identities", False),
        features={feature: ("*",)} if isinstance(feature, str) else {name: tuple(feature[name]) for name in feature},
        core=raw.get("core", False),
    )


def _budget(raw: Mapping[str, Any]) -> Budget:
    least = "at_least" in raw
    return Budget(
        quantity=raw["quantity"],
        unit=raw["unit"],
        limit=raw["at_least" if least else "at_most"],
        least=least,
        of=raw.get("of", ""),
        plus=raw.get("plus", 0.0),
        stores=raw.get("stores", {}),
    )


def load(folder: Path = FOLDER, more: Mapping[str, Sequence[str]] | None = None) -> Spec:
    """Read `spec.yaml` and the area files next to it. Raises SpecError.

    more  further stores, with the groups that each joins. They do not change the digest.
    """
    schema = json.loads((FOLDER / "schema.json").read_text())
    head = _read(folder / "spec.yaml", schema, "spec")
    head["stores"] |= more or {}
    files = areas(folder)
    groups = _groups(head)
    titles: dict[str, str] = {}
    rules: dict[str, Rule] = {}
    for path in files:
        area = _read(path, schema, "area")
        titles[area["area"]] = area["title"]
        for raw in area["rules"]:
            rule = _rule(raw, area, groups)
            if rule.id in rules:
                raise SpecError(f"{path.name}: {rule.id} is used twice; an id is never reused")
            if flaw := _flaw(rule, area, head):
                raise SpecError(f"{path.name}: {rule.id} {flaw}")
            rules[rule.id] = rule
    causes, exclusive = (
        {name: Words(tuple(words)) for name, words in head[key].items()} for key in ("causes", "exclusive")
    )
    features = {name: " ".join(sentence.split()) for name, sentence in head.get("features", {}).items()}
    if unused := sorted(features.keys() - {name for rule in rules.values() for name in rule.features}):
        raise SpecError(f"spec.yaml: no rule needs the feature {unused[0]}")
    return Spec(head["version"], spec_digest(folder), groups, titles, causes, exclusive, rules, features)


def _flaw(rule: Rule, area: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """Describe how a rule contradicts its area or the head of the spec; "" if it does not."""
    if rule.area != area["area"]:
        return f"does not belong to area {area['area']}"
    if unknown := {*rule.stores, *rule.needs} - set(head["stores"]):
        return f"names an unknown store: {', '.join(sorted(unknown))}"
    if rule.cause is not None and rule.cause not in head["causes"]:
        return f"names an unknown cause: {rule.cause}"
    if absent := rule.features.keys() - head.get("features", {}).keys():
        return f"names an unknown feature: {', '.join(sorted(absent))}"
    if rule.features and rule.core:
        return "is a core rule, and needs a feature: a core rule holds for every initializer"
    return ""


@cache
def current() -> Spec:
    """Return the suite's own spec, with the stores of the plugins that are loaded before the first call."""
    return load(more=plugins.groups())
