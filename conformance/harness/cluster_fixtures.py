"""Fixtures for tests on the admission route: the API server with KServe's webhook, and KServe's configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from clusters.kserve.model_cache import model_folder
from conformance.api.admission import Admission
from conformance.api.llm import LLM
from conformance.harness.cluster_environment import lock_of
from conformance.harness.items import case_of, rule_of
from conformance.harness.outcome import keeps
from conformance.harness.record import record_of
from conformance.harness.run import RUN, ClusterRun
from scenarios.cluster import configuration
from scenarios.cluster.admission import AdmissionClient
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.inference_services import InferenceServices
from scenarios.cluster.kubernetes import client_create
from scenarios.cluster.llm_inference_services import CONTROLLER, LLMInferenceServices, presets
from scenarios.cluster.model_caches import ModelCaches
from scenarios.cluster.namespaces import RunNamespace
from scenarios.cluster.reconciliation import Reconciliation
from scenarios.cluster.trained_models import TrainedModels
from scenarios.initializers.injected import Injected
from scenarios.locks import SharedLock
from scenarios.reasons import NotOffered


@pytest.fixture(scope="session")
def cluster_run(pytestconfig: pytest.Config) -> ClusterRun:
    """The current run, on its cluster."""
    run = pytestconfig.stash[RUN]
    assert isinstance(run, ClusterRun)  # noqa: S101 - rules of this route are not collected in another run
    return run


@pytest.fixture(scope="session")
def run_namespace(cluster_run: ClusterRun) -> Iterator[RunNamespace]:
    """The namespace that the tests of this process share."""
    run_namespace = RunNamespace.create(
        cluster_run.cluster, cluster_run.id, os.environ.get("PYTEST_XDIST_WORKER", "main")
    )
    yield run_namespace
    if not cluster_run.options.keep_failed:
        run_namespace.delete()


@pytest.fixture(scope="session")
def cluster_lock(cluster_run: ClusterRun, run_namespace: RunNamespace) -> SharedLock:
    """The cluster's lock. Most tests share it. A test that changes KServe's settings holds it alone."""
    lock = lock_of(run_namespace.cluster)
    with lock.alone():
        configuration.give_back(run_namespace.cluster.client(), cluster_run.installation.namespace)
    return lock


@pytest.fixture
def api(
    request: pytest.FixtureRequest, cluster_run: ClusterRun, run_namespace: RunNamespace, cluster_lock: SharedLock
) -> Iterator[AdmissionClient]:
    """The test's objects on the cluster, removed afterwards. A test that changes KServe's settings runs alone."""
    alone = "kserve_config" in request.fixturenames
    with cluster_lock.alone() if alone else cluster_lock.shared():
        api = AdmissionClient(run_namespace, cluster_run.installation.namespace)
        try:
            yield api
        finally:
            api.leave(keep=keeps(cluster_run, request.node))


@pytest.fixture
def admission(request: pytest.FixtureRequest, cluster_run: ClusterRun, api: AdmissionClient) -> Admission:
    """The API server with KServe's webhook, for this test."""
    admission = Admission(api, rule_of(request.node), cluster_run.kserve, case_of(request.node))
    record_of(request.node).evidence = admission
    return admission


@pytest.fixture
def kserve_config(api: AdmissionClient) -> Iterator[Configuration]:
    """KServe's configuration, which only this test can change. The fixture restores it afterwards."""
    settings = Configuration(api)
    try:
        yield settings
    finally:
        settings.restore()


@pytest.fixture
def reconciliation(api: AdmissionClient, admission: Admission) -> Reconciliation:  # noqa: ARG001 -- it reports for this
    """KServe's controller, for this test."""
    return Reconciliation(api)


@pytest.fixture
def trained_models(api: AdmissionClient, admission: Admission) -> Iterator[TrainedModels]:  # noqa: ARG001 -- it reports for this
    """The TrainedModels of this test, removed afterwards, also if KServe does not let them go."""
    models = TrainedModels(api)
    try:
        yield models
    finally:
        models.leave()


@pytest.fixture
def model_caches(
    request: pytest.FixtureRequest,
    cluster_run: ClusterRun,
    api: AdmissionClient,
    admission: Admission,  # noqa: ARG001 -- it reports for this
) -> Iterator[ModelCaches]:
    """The model caches of this test, which a node really downloads."""
    folder = model_folder(cluster_run.cluster)
    if folder is None or "localmodelnode" not in cluster_run.installation.controllers:
        raise NotOffered("no agent of the local model cache shares its folder with this machine; use --cluster kind")
    caches = ModelCaches(api, cluster_run.kserve, folder)
    yield caches
    if not keeps(cluster_run, request.node):
        caches.leave()


@pytest.fixture
def services(cluster_run: ClusterRun, api: AdmissionClient, admission: Admission) -> InferenceServices:  # noqa: ARG001 -- it reports for this
    """Runs this test's InferenceServices with real pods."""
    initializer = cluster_run.initializer
    assert isinstance(initializer, Injected)  # noqa: S101 - rules of this route are not collected without pods
    return InferenceServices(api, initializer, cluster_run.fleet.folder / "claims")


@pytest.fixture(scope="session")
def llm_presets(cluster_run: ClusterRun, run_namespace: RunNamespace) -> None:
    """Small presets for LLMInferenceServices, in the namespace that the tests of this process share."""
    if CONTROLLER in cluster_run.installation.controllers:
        for one in presets(cluster_run.kserve):
            metadata = {**one["metadata"], "namespace": run_namespace.namespace}
            client_create(run_namespace.cluster.client(), {**one, "metadata": metadata})


@pytest.fixture
def llm(cluster_run: ClusterRun, api: AdmissionClient, admission: Admission, llm_presets: None) -> LLM:  # noqa: ARG001 -- `admission` reports for this
    """KServe's controller of LLMInferenceServices, for this test."""
    if CONTROLLER not in cluster_run.installation.controllers:
        raise NotOffered(f"{cluster_run.cluster.name} has no controller of LLMInferenceServices: install {CONTROLLER}")
    return LLM(LLMInferenceServices(api, cluster_run.kserve))
