"""The options of a run, and the rules and stores that they select."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, get_args

from clusters.base import Source
from clusters.kserve.releases import How
from conformance.claims import Claims
from conformance.harness.schedule import processes, waits
from conformance.known_failures import KnownFailure
from conformance.spec import Rule, Spec
from scenarios.initializers.base import Initializer, Wanted
from scenarios.initializers.proc import cores
from scenarios.servers.base import Mode, Server
from scenarios.stores import STORES
from scenarios.stores.base import NO_RELEASE

#: Profile -> names of KServe's optional controllers that its rules observe.
CONTROLLERS = {"llm": ("llmisvc",), "cache": ("localmodel", "localmodelnode")}

Clusters = Literal["none", "kind", "existing"]
Driver = Literal["suite", "pytest-kind"]


@dataclass(frozen=True)
class Options:
    """The validated options of a run."""

    initializer: Initializer
    described: tuple[str, ...]
    kserve: str
    mode: Mode
    profiles: tuple[str, ...]
    stores: tuple[str, ...]
    rules: tuple[str, ...]
    smoke: bool
    isolation: Wanted
    known: tuple[KnownFailure, ...]
    known_from: Path | None
    report_dir: Path
    cluster: Clusters
    install: How
    images: Source | Literal["auto"]
    driver: Driver
    keep_cluster: bool
    keep_failed: int
    kubeconfig: Path | None
    context: str | None
    explore: int = 0
    explore_seed: int | None = None
    claims: Claims | None = None

    def unclaimed(self, rule: Rule, case: str) -> str:
        """Return the feature that a case needs and the claims of this run leave out; "" for none."""
        feature = rule.feature_of(case)
        return feature if self.claims and feature not in self.claims.features else ""

    def route_of(self, rule: Rule, cluster: Clusters | None = None) -> str | None:
        """Return the route on which this run, or one with another `cluster`, observes the rule. None if it cannot."""
        routes = {"none": (self.initializer.route,), "kind": ("admission", "pod"), "existing": ("admission",)}
        mine = routes[cluster or self.cluster]
        return next((route for route in rule.routes if route in mine), None)

    def observes(self, rule: Rule, store: str | None, cluster: Clusters | None = None) -> bool:
        """Return whether this run, or one with another `cluster`, can observe the rule on this store."""
        route = self.route_of(rule, cluster)
        return route is not None and (route != "pod" or store is None or STORES[store].in_pods)

    def elsewhere(self, pairs: Collection[tuple[Rule, str | None]]) -> str:
        """Return the options with which a run can observe some of the rules. "" if this run can."""
        found = [one for one in get_args(Clusters) if any(self.observes(*pair, one) for pair in pairs)]
        return "" if self.cluster in found else " or ".join(f"--cluster {one}" for one in found)

    def judges(self, rule: Rule, store: str | None = None) -> bool:
        """Return whether a run with these options can judge the rule: it is in force, and a route can observe it."""
        return self.observes(rule, store) and rule.in_force(self.kserve)

    def selects(self, rule: Rule) -> bool:
        """Return whether any case of the rule may run."""
        return any(self.judges(*pair) and self.wants(*pair) for pair in on_each_store([rule]))

    def lists(self, rule: Rule, *, whenever: bool) -> bool:
        """Return whether the options select the rule on any store and route. `whenever` includes rules not in force."""
        return (whenever or rule.in_force(self.kserve)) and any(self.wants(*pair) for pair in on_each_store([rule]))

    def workers(self, spec: Spec) -> int:
        """Return the number of processes for `-n auto`."""
        selected = [rule for rule, store in on_each_store(spec) if self.judges(rule, store) and self.wants(rule, store)]
        # Cases with pods wait for the cluster, which does the work. --smoke leaves out cases that wait.
        waiting = 2 * cores() if self.cluster != "none" else 0 if self.smoke else sum(map(waits, selected))
        return processes(waiting)

    @property
    def selection(self) -> str:
        """The selection as command-line options."""
        named = (("--profile", self.profiles), ("--store", self.stores), ("--rule", self.rules))
        return " ".join(f"{option} {','.join(values)}" for option, values in named if values)

    def names(self, rule: Rule) -> bool:
        """Return whether `--rule` includes this rule. Always True without `--rule`."""
        return not self.rules or any(fnmatchcase(rule.id, pattern) for pattern in self.rules)

    def wants(self, rule: Rule, store: str | None) -> bool:
        """Return whether the options select this rule on this store."""
        profile = rule.profile_on(store)
        return (
            self.names(rule)
            and (not self.stores or store is None or store in self.stores)
            and (not self.profiles or any(_within(profile, name) for name in self.profiles))
        )


def _within(profile: str, asked: str) -> bool:
    """`download` includes all of `download/...`. A rule that needs no store is in each of them."""
    return profile == asked or profile.startswith(f"{asked}/") or asked.startswith(f"{profile}/")


def on_each_store(rules: Iterable[Rule]) -> list[tuple[Rule, str | None]]:
    """Return each rule with each of its stores, or with None if it needs no store."""
    return [(rule, store) for rule in rules for store in rule.stores or (None,)]


def supported(store: str, options: Options) -> bool:
    """Return whether the run can use the store.

    Either KServe's initializer of that release has a downloader, or no release has one and the initializer under test
    is not KServe's.
    """
    kind = STORES[store]
    custom = kind.kserve == NO_RELEASE and options.initializer.name != "kserve"
    return custom or kind.available_in(options.kserve)


def stores_for(options: Options, rules: Iterable[Rule]) -> set[str]:
    """Return the stores on which the run can judge selected cases of the rules."""
    return {
        store
        for rule in rules
        for store in rule.stores
        if options.judges(rule, store) and supported(store, options) and options.wants(rule, store)
    }


def servers_for(options: Options, spec: Spec) -> set[type[Server]]:
    """Return the servers of all stores that the selected cases use, and identity services if any case uses them."""
    stores = stores_for(options, spec) | {store for rule in spec if options.selects(rule) for store in rule.needs}
    with_identities = stores_for(options, (rule for rule in spec if rule.identities))
    return {
        server
        for store in stores
        for server in STORES[store].needed(options.mode, identities=store in with_identities)
        if server
    }


def controllers_for(options: Options, spec: Spec) -> set[str]:
    """Return the names of KServe's optional controllers that the selected rules need."""
    profiles = {rule.profile for rule in spec if options.selects(rule)}
    return {name for profile in profiles for name in CONTROLLERS.get(profile, ())}
