"""A report like that of a whole run of the installed suite, for tests that verify and publish reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports import verdict, writer
from reports.claims import Claims, Feature
from reports.installed import Case, Installed, InstalledRule
from reports.model import Level, Outcome, Report, Result, Rule, Selection, Server, Spec, from_json, seal, to_json
from tests.sample_report import DRAFT, METRICS

SUITE = Installed()
#: Not that of this checkout, which may be dirty.
COMMIT = "c" * 40
RELEASE, MODE = "0.21.0", "embedded"
#: A core rule, and the message of its failure.
BROKEN, MESSAGE = "CONTRACT-003", "CONTRACT-003: exit code 0 instead of 1"


def genuine(*stores: str, broken: str = "") -> Report:
    """Return a report of a whole run on these stores, or on all; the cases of the rule `broken` failed."""
    results = [
        _result(name, rule, case, broken)
        for name, rule in SUITE.rules.items()
        if "process" in rule.routes and rule.in_force(RELEASE)
        for case in rule.cases
        if not stores or not case.store or case.store in stores
    ]
    return verdict.finish(_draft(stores), results, METRICS)


def _draft(stores: tuple[str, ...]) -> Report:
    servers = [
        Server(kind.servers[MODE][0], "1", kind.servers[MODE][1], store)
        for store, kind in SUITE.stores.items()
        if MODE in kind.servers
    ]
    return replace(
        DRAFT,
        suite=replace(SUITE.suite, commit=COMMIT),
        spec=Spec("1.0-draft", SUITE.spec),
        initializer=replace(DRAFT.initializer, spec="image:example/kit", name="kit", version="1.2"),
        kserve=RELEASE,
        environment=replace(DRAFT.environment, servers_mode=MODE, servers=tuple(servers)),
        selection=Selection(stores=stores),
        rules=tuple(
            Rule(name, one.title, one.statement, Level(one.level), name.rpartition("-")[0], one.core)
            for name, one in SUITE.rules.items()
        ),
        features=tuple(
            Feature(name, sentence, profiles=tuple(sorted(_profiles(name))))
            for name, sentence in SUITE.features.items()
        ),
    )


def _profiles(feature: str) -> set[str]:
    rules = [rule for rule in SUITE.rules.values() if feature in rule.features and rule.in_force(RELEASE)]
    return {
        rule.profile_on(store)
        for rule in rules
        for store in rule.stores
        if "process" in rule.routes and SUITE.stores[store].supported("kit", RELEASE)
    }


def _result(name: str, rule: InstalledRule, case: Case, broken: str) -> Result:
    server = SUITE.stores[case.store].servers.get(MODE, ("",))[0] if case.store else ""
    outcome, message = (Outcome.FAILED, MESSAGE) if name == broken else (Outcome.PASSED, "")
    return Result(
        name, Level(rule.level), rule.profile_on(case.store), case.name, case.case, case.store, server, "process",
        outcome, 0.5, message, core=rule.core, needs=rule.feature_of(case.case),
    )  # fmt: skip


def claiming(report: Report) -> Report:
    """Return the report of a run that was held to claims of all features."""
    content = f"name: kit\nfeatures: [{', '.join(SUITE.features)}]\n"
    features = tuple(replace(feature, claimed=True) for feature in report.features)
    return follow(replace(report, claims=Claims.of("kit.yaml", content), features=features))


def forge(report: Report, edit: Callable[[dict[str, Any]], object]) -> Report:
    """Return the report after an edit of its JSON data, with a new footer."""
    data = to_json(report)
    edit(data)
    return seal(from_json(Report, data))


def follow(report: Report) -> Report:
    """Return the report with the features and verdicts that follow from its results."""
    features = tuple(verdict.observed(feature, report.results) for feature in report.features)
    report = replace(report, features=features)
    return replace(report, profiles=verdict.profiles(report.results, report.selection, report.features, complete=True))


def save(report: Report, folder: Path) -> Path:
    """Write report.json alone, sealed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / writer.REPORT
    path.write_text(json.dumps(to_json(seal(report)), indent=1), encoding="utf-8")
    return path
