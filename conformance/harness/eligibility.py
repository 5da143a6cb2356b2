"""Decide which cases a run can judge, and give the reasons for the others."""

from __future__ import annotations

from conformance.harness.run import Run
from conformance.harness.run_options import supported
from conformance.known_failures import KnownFailure
from reports.model import Outcome
from scenarios.stores import STORES
from scenarios.stores.base import NO_RELEASE


def why_not(run: Run, store: str | None, *, identities: bool = False) -> tuple[Outcome, str] | None:
    """Explain why the run cannot judge a case: the initializer does not support the store, or a server is missing.

    identities  whether the case uses identity services.
    """
    if store is None:
        return None
    kind = STORES[store]
    if not supported(store, run.options):
        since = f" ({kind.kserve})" if kind.kserve != NO_RELEASE else ""
        return Outcome.UNSUPPORTED, f"KServe {run.kserve} has no downloader for {store}{since}"
    if reason := run.initializer.lacks.get(store):
        return Outcome.NOT_RUN, reason
    for server in kind.needed(run.mode, identities=identities):
        if server is None:
            return Outcome.NOT_RUN, f"--servers {run.mode} has no server for {store}"
        if server.name in run.fleet.unavailable:
            return Outcome.NOT_RUN, f"{server.name} does not run: {run.fleet.unavailable[server.name]}"
    return None


def concerns(run: Run, entry: KnownFailure) -> bool:
    """Return whether a known failure can occur in this run, on one of its servers, routes and KServe installations."""
    rule = run.spec[entry.rule]
    return (
        (not entry.servers or bool(entry.servers & set(run.fleet.endpoints)))
        and (not entry.installs or run.install in entry.installs)
        and entry.on(run.initializer.python)
        and any(run.options.judges(rule, store) for store in entry.stores or (None,))
        and (not entry.routes or run.options.route_of(rule) in entry.routes)
    )


def required(run: Run) -> set[tuple[str, str]]:
    """Return (rule, store) of every MUST that the run can judge for this release. The store is "" if none is needed."""
    return {
        (rule.id, store)
        for rule, store in run.spec.musts()
        if run.options.judges(rule, store or None) and (not store or supported(store, run.options))
    }
