"""The report's header: everything that is known before the first result."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from conformance.harness import claimed
from conformance.harness.run import ClusterRun, Run
from reports import installed, model
from reports.claims import Claims
from scenarios.stores import STORES, plugins


def report_header(run: Run) -> model.Report:
    """Return the report of `run` without results."""
    options, initializer = run.options, run.initializer
    servers = [
        model.Server(endpoint.server, endpoint.version, endpoint.fidelity, name)
        for name, kind in STORES.items()
        if (server := kind.servers.get(run.mode)) and (endpoint := run.fleet.endpoints.get(server.name))
    ]
    return model.Report(
        suite=installed.suite(),
        spec=model.Spec(run.spec.version, f"sha256:{run.spec.digest}"),
        initializer=model.Initializer(
            spec=initializer.spec,
            name=initializer.name,
            version=initializer.version,
            digest=initializer.digest,
            route=initializer.route,
            isolation=initializer.isolation,
            notes=tuple(initializer.notes),
            python=initializer.python,
        ),
        kserve=run.kserve,
        environment=model.Environment(
            platform=platform.platform(),
            python=platform.python_version(),
            cpus=os.cpu_count() or 1,
            servers_mode=run.mode,
            started=run.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            servers=tuple(servers),
            cluster=_cluster(run),
            plugins=tuple(model.Plugin(one.name, one.digest, tuple(one.stores)) for one in plugins.loaded()),
        ),
        selection=model.Selection(options.profiles, options.stores, options.rules, options.smoke),
        claims=Claims.of(options.claims.path.name, options.claims.content) if options.claims else Claims(),
        features=tuple(claimed.features(options, run.spec)),
        rules=tuple(
            model.Rule(rule.id, rule.title, rule.statement, model.Level(rule.level), rule.area, rule.core)
            for rule in run.spec
        ),
        known_failures=_known_failures(options.known_from),
    )


def _known_failures(path: Path | None) -> model.KnownFailureList:
    return model.KnownFailureList(path.name, installed.file_digest(path)) if path else model.KnownFailureList()


def _cluster(run: Run) -> model.Cluster:
    if not isinstance(run, ClusterRun):
        return model.Cluster()
    return model.Cluster(
        provider=run.cluster.provider,
        kubernetes=run.cluster.version,
        images=run.cluster.images,
        why=run.cluster.why,
        install=run.installation.how,
        notes=tuple(run.installation.notes),
        deployment_mode=run.installation.deployment_mode,
    )
