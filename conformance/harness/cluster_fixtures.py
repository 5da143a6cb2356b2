"""The fixtures of tests on the admission route: the API server with KServe's webhook, and KServe's configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from conformance.api.admission import Admission
from conformance.harness.cluster_environment import lock_of
from conformance.harness.items import case_of, rule_of
from conformance.harness.judging import WITNESS, keeps
from conformance.harness.run import RUN, Run
from scenarios.cluster import configuration
from scenarios.cluster.admission import Workspace
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.inference_services import Theatre
from scenarios.cluster.namespaces import Tenant
from scenarios.initializers.injected import Injected
from scenarios.locks import SharedLock


@pytest.fixture(scope="session")
def tenant(pytestconfig: pytest.Config) -> Iterator[Tenant]:
    """The namespace that the tests of this process share."""
    run = pytestconfig.stash[RUN]
    assert run.cluster is not None  # noqa: S101 - rules of this route are not collected without one
    tenant = Tenant.move_in(run.cluster, run.id, os.environ.get("PYTEST_XDIST_WORKER", "main"))
    yield tenant
    if not run.options.keep_failed:
        tenant.move_out()


@pytest.fixture(scope="session")
def cluster_lock(pytestconfig: pytest.Config, tenant: Tenant) -> SharedLock:
    """Between the tests of this machine that use the cluster: most share it, who changes KServe's settings is alone."""
    lock = lock_of(tenant.cluster)
    with lock.alone():
        configuration.give_back(tenant.cluster.client(), _system(pytestconfig.stash[RUN]))
    return lock


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, run: Run, tenant: Tenant, cluster_lock: SharedLock
) -> Iterator[Workspace]:
    """What this test has on the cluster, which it has alone where it changes KServe's settings; gone afterwards."""
    alone = "kserve_config" in request.fixturenames
    with cluster_lock.alone() if alone else cluster_lock.shared():
        workspace = Workspace(tenant, _system(run))
        try:
            yield workspace
        finally:
            workspace.leave(keep=keeps(run, request.node))


def _system(run: Run) -> str:
    """The namespace that KServe is installed in."""
    assert run.installation is not None  # noqa: S101 - rules of this route are not collected without one
    return run.installation.namespace


@pytest.fixture
def admission(request: pytest.FixtureRequest, run: Run, workspace: Workspace) -> Admission:
    """The API server with KServe's webhook, as this test sees them."""
    admission = Admission(workspace, rule_of(request.node), run.kserve, case_of(request.node))
    request.node.stash[WITNESS] = admission
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
def theatre(run: Run, workspace: Workspace, admission: Admission) -> Theatre:  # noqa: ARG001 -- it reports for this
    """Where InferenceServices of this test really run."""
    assert isinstance(run.initializer, Injected)  # noqa: S101 - rules of this route are not collected without pods
    return Theatre(workspace, run.initializer, run.fleet.folder / "claims")
