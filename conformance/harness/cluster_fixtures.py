"""The fixtures of tests on the admission route: the API server with KServe's webhook, and KServe's configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from conformance.api.admission import Admission
from conformance.harness.cluster_environment import lock_of
from conformance.harness.items import case_of, rule_of
from conformance.harness.outcome import keeps
from conformance.harness.record import record_of
from conformance.harness.run import RUN, ClusterRun
from scenarios.cluster import configuration
from scenarios.cluster.admission import Workspace
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.inference_services import Theatre
from scenarios.cluster.namespaces import Tenant
from scenarios.initializers.injected import Injected
from scenarios.locks import SharedLock


@pytest.fixture(scope="session")
def cluster_run(pytestconfig: pytest.Config) -> ClusterRun:
    """The run that this test belongs to, on its cluster."""
    run = pytestconfig.stash[RUN]
    assert isinstance(run, ClusterRun)  # noqa: S101 - rules of this route are not collected in another run
    return run


@pytest.fixture(scope="session")
def tenant(cluster_run: ClusterRun) -> Iterator[Tenant]:
    """The namespace that the tests of this process share."""
    tenant = Tenant.move_in(cluster_run.cluster, cluster_run.id, os.environ.get("PYTEST_XDIST_WORKER", "main"))
    yield tenant
    if not cluster_run.options.keep_failed:
        tenant.move_out()


@pytest.fixture(scope="session")
def cluster_lock(cluster_run: ClusterRun, tenant: Tenant) -> SharedLock:
    """Between the tests of this machine that use the cluster: most share it, who changes KServe's settings is alone."""
    lock = lock_of(tenant.cluster)
    with lock.alone():
        configuration.give_back(tenant.cluster.client(), cluster_run.installation.namespace)
    return lock


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, cluster_run: ClusterRun, tenant: Tenant, cluster_lock: SharedLock
) -> Iterator[Workspace]:
    """What this test has on the cluster, which it has alone where it changes KServe's settings; gone afterwards."""
    alone = "kserve_config" in request.fixturenames
    with cluster_lock.alone() if alone else cluster_lock.shared():
        workspace = Workspace(tenant, cluster_run.installation.namespace)
        try:
            yield workspace
        finally:
            workspace.leave(keep=keeps(cluster_run, request.node))


@pytest.fixture
def admission(request: pytest.FixtureRequest, cluster_run: ClusterRun, workspace: Workspace) -> Admission:
    """The API server with KServe's webhook, as this test sees them."""
    admission = Admission(workspace, rule_of(request.node), cluster_run.kserve, case_of(request.node))
    record_of(request.node).evidence = admission
    return admission


@pytest.fixture
def kserve_config(workspace: Workspace) -> Iterator[Configuration]:
    """KServe's configuration, which only this test changes now; given back afterwards."""
    settings = Configuration(workspace)
    try:
        yield settings
    finally:
        settings.restore()


@pytest.fixture
def theatre(cluster_run: ClusterRun, workspace: Workspace, admission: Admission) -> Theatre:  # noqa: ARG001 -- it reports for this
    """Where InferenceServices of this test really run."""
    initializer = cluster_run.initializer
    assert isinstance(initializer, Injected)  # noqa: S101 - rules of this route are not collected without pods
    return Theatre(workspace, initializer, cluster_run.fleet.folder / "claims")
