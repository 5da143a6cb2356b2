"""Check a report against the installed suite: its build, its spec, the cases that the report must have, the servers."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from reports import revision
from reports.installed import NAME, Case, Installed, InstalledRule
from reports.model import Outcome, Report, Result, Rule
from reports.verdict import counts_in
from reports.verification import claims
from reports.verification.alone import HARNESS
from reports.verification.checked import Checked, Status, elsewhere, failed, listed, ok, shown, unknown

_OWN = "verify it with the suite that wrote it"


def checks(report: Report, suite: Installed) -> Iterator[Checked]:
    """Yield the results of all checks of a report against the suite.

    Another version of the suite may have other cases, so this one confirms and refutes no report of it.
    """
    build = _build(report, suite)
    yield build
    found = _contents(report, suite)
    yield from (_left_to(report, one) for one in found) if build.status is Status.OTHER else found


def _contents(report: Report, suite: Installed) -> Iterator[Checked]:
    if report.spec.digest != suite.spec:
        text = f"the report is of another spec, {shown(report.spec.version)} ({report.spec.digest[:19]}...)"
        yield failed("spec", text, f"{_OWN}, or run this suite again")
        for name in ("rules", "features", "completeness", "servers"):
            yield unknown(name, "this suite has another spec", _OWN)
        return
    yield ok("spec", f"{shown(report.spec.version)}, the spec of this suite")
    if not _is_version(report.kserve):
        yield failed("kserve", f"{shown(report.kserve)} is no release of KServe", _OWN)
        return
    yield _rules(report, suite)
    yield claims.against(report, suite, _added(report))
    yield _completeness(report, suite)
    yield _servers(report, suite)


def _left_to(report: Report, found: Checked) -> Checked:
    """Return what this suite found in a report of another version: the digest of the spec alone decides anything."""
    if (found.name, found.status) == ("spec", Status.OK):
        return found
    text = f"against this version of the suite: {found.text}"
    return elsewhere(found.name, text, shown(revision.remedy(report.suite)))


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _build(report: Report, suite: Installed) -> Checked:
    own, here = report.suite, suite.suite
    version = shown(revision.named(own))
    if own.name != NAME:
        return failed("suite", f"{version} wrote the report", f"get a report of {NAME}")
    if not own.build:
        return unknown("suite", f"{version} recorded no digest of its files", "run a newer suite")
    if own.build == here.build:
        return ok("suite", f"{version}, the files of this suite")
    if own.commit.endswith(revision.DIRTY):
        text = f"other files than those of any commit wrote it: {version}, {own.build[:19]}..."
        return failed("suite", text, "ask for a run of an unchanged suite")
    if (own.commit or own.version) != (here.commit if own.commit else here.version):
        text = f"another version of the suite wrote it, {version}; this is {revision.named(here)}"
        return elsewhere("suite", text, f"{shown(revision.remedy(own))}, and verify the digest of its files there")
    text = f"other files than those of {version} wrote it: {own.build[:19]}..."
    return failed("suite", text, "the report does not match the suite that it names; run that suite, unchanged")


def _rules(report: Report, suite: Installed) -> Checked:
    """The report shows the rules as the spec has them, and its cases are cases of the suite."""
    if altered := [rule.id for rule in report.rules if not _same(rule, suite.rules.get(rule.id))]:
        return failed("rules", f"the report and the spec differ in {listed(altered)}", _OWN)
    cases = {(rule, case.name, case.store, case.case) for rule, own in suite.rules.items() for case in own.cases}
    added = _added(report)
    if built_in := sorted(added & suite.stores.keys()):
        return failed("rules", f"plugins of the report redefine {listed(built_in)}, which no run allows", _OWN)
    foreign = [
        f"{one.rule} {one.store} {one.name}"
        for one in report.results
        if one.rule != HARNESS and one.store not in added and not _ours(one, suite, cases)
    ]
    if foreign:
        return failed("rules", f"the suite has no such case: {listed(foreign)}", _OWN)
    return ok("rules", f"{len(report.rules)} rules and all cases are those of the suite")


def _added(report: Report) -> set[str]:
    """The stores of plugins. The suite knows neither their rules nor their cases."""
    return {store for plugin in report.environment.plugins for store in plugin.stores}


def _same(rule: Rule, own: InstalledRule | None) -> bool:
    return own is not None and (rule.level, rule.core, rule.title, rule.statement) == (
        own.level,
        own.core,
        own.title,
        own.statement,
    )


def _ours(result: Result, suite: Installed, cases: set[tuple[str, str, str, str]]) -> bool:
    rule = suite.rules.get(result.rule)
    return (
        rule is not None
        and (result.rule, result.test, result.store, result.case) in cases
        and result.profile == rule.profile_on(result.store)
        and result.route in rule.routes
    )


def _completeness(report: Report, suite: Installed) -> Checked:
    """Every profile with a verdict has all of its cases, but for those that the report says were left out."""
    judged = {(one.rule, one.test, one.store, one.case) for one in report.results}
    left_out = {(one.rule, one.store) for one in report.selection.left_out}
    names = [profile.name for profile in report.profiles]
    missing: dict[str, list[str]] = {}
    total = unselected = 0
    for rule, case in _required(report, suite):
        profile = suite.rules[rule].profile_on(case.store)
        if not (where := [name for name in names if counts_in(profile, name)]):
            continue
        total += 1
        if (rule, case.name, case.store, case.case) in judged:
            continue
        if (rule, case.store) in left_out:
            unselected += 1
        else:
            missing.setdefault(where[0], []).append(f"{rule} {case.node.rpartition('::')[2]}")
    if missing:
        cases = [case for found in missing.values() for case in found]
        text = f"{len(cases)} of {total} cases of {listed(list(missing))} are absent: {listed(cases)}"
        return failed("completeness", text, "get the whole report, or run these profiles again")
    if added := sorted(_added(report)):
        text = f"the suite cannot know which cases the stores of plugins need: {listed(added)}"
        return unknown("completeness", text, "run the suite with the plugin, and compare the reports")
    but = f"but for {unselected} that the selection left out" if unselected else "and all are in it"
    return ok("completeness", f"the profiles of the report need {total} cases, {but}")


def _required(report: Report, suite: Installed) -> Iterator[tuple[str, Case]]:
    """Yield the cases that a run with the report's selection has: a part of a profile needs its MUST rules alone."""
    selection = report.selection
    narrowed = selection.smoke or bool(selection.rules or selection.pytest)
    routes = _routes(report)
    for name, rule in suite.rules.items():
        route = next((route for route in rule.routes if route in routes), "")
        if not route or not rule.in_force(report.kserve) or (narrowed and rule.level != "MUST"):
            continue
        for case in rule.cases:
            if _wanted(report, rule, case) and _possible(report, suite, case, route):
                yield name, case


def _routes(report: Report) -> set[str]:
    """The routes that the run could observe. A run on a cluster has no single one."""
    if not report.environment.cluster.provider:
        return {report.initializer.route}
    return {result.route for result in report.results}


def _wanted(report: Report, rule: InstalledRule, case: Case) -> bool:
    """Return whether the selection of stores and profiles includes the case. A MUST rule counts in any selection."""
    selection, profile = report.selection, rule.profile_on(case.store)
    if rule.level == "MUST":
        return True
    stores = not selection.stores or not case.store or case.store in selection.stores
    named = any(counts_in(name, profile) or counts_in(profile, name) for name in selection.profiles)
    return stores and (named or not selection.profiles)


def _possible(report: Report, suite: Installed, case: Case, route: str) -> bool:
    if not case.store:
        return True
    store = suite.stores[case.store]
    return store.supported(report.initializer.name, report.kserve) and (route != "pod" or store.in_pods)


def _servers(report: Report, suite: Installed) -> Checked:
    """Each result names the server that the suite uses for its store, and the report knows that server's fidelity."""
    mode = report.environment.servers_mode
    expected = {name: kind.servers.get(mode, ("", "")) for name, kind in suite.stores.items()}
    for server in report.environment.servers:
        if server.store in expected and (server.name, server.fidelity) != expected[server.store]:
            text = f"{shown(server.name)} is no {server.fidelity} server of {server.store} with --servers {shown(mode)}"
            return failed("servers", text, _OWN)
    played = {(server.store, server.name) for server in report.environment.servers}
    judged = (one for one in report.results if one.outcome not in {Outcome.NOT_RUN, Outcome.UNSUPPORTED})
    if other := sorted({one.store for one in judged if one.server and (one.store, one.server) not in played}):
        return failed("servers", f"results on {listed(other)} name a server that did not run", _OWN)
    return ok("servers", f"{len(played)} servers with --servers {shown(mode)}, each with the fidelity of its program")
