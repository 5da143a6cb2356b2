"""Local model cache: the jobs that download models to the nodes."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.kserve.model_cache import JOBS
from conformance import rule
from conformance.api.admission import Admission
from conformance.api.exceptions import RuleViolation
from scenarios.cluster import kubernetes
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import MODELS, Object, secret, service_account, storage_container
from scenarios.cluster.model_caches import NODE_GROUP, ModelCaches
from scenarios.cluster.waiting import Unsettled

IMAGE = "registry.example/team/downloader:2"
FOR_JOBS = "localModelDownloadJob"
#: The variables with which KServe passes the two keys of an S3 Secret.
KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def _uri(admission: Admission) -> str:
    return f"s3://bucket/{admission.name('model')}"


def _job(caches: ModelCaches, cache: str) -> Object:
    """Return the download job of a cache. Raises RuleViolation if none is made in time."""
    try:
        return caches.job(cache)
    except Unsettled as late:
        raise RuleViolation(str(late)) from late


def _pod(job: Object) -> Object:
    found: Object = job["spec"]["template"]["spec"]
    return found


def _container(job: Object) -> Object:
    """Return the only container of the job. Raises RuleViolation if it has others."""
    pod = _pod(job)
    names = [one["name"] for one in [*(pod.get("initContainers") or []), *pod["containers"]]]
    if len(names) != 1:
        raise RuleViolation(f"the download job has the containers {', '.join(names)}")
    found: Object = pod["containers"][0]
    return found


def _for_jobs(admission: Admission, uri: str, **fields: Any) -> None:  # noqa: ANN401
    """Create a storage container for downloads of this URI into caches."""
    wanted = {"workloadType": FOR_JOBS, **fields}
    admission.create(storage_container(admission.name("csc"), [{"prefix": uri}], {"image": IMAGE}, **wanted))


def _node_of(pod: Object) -> str:
    """Return the node that the pod must run on; "" if it may run on any."""
    return str(pod.get("nodeName") or (pod.get("nodeSelector") or {}).get("kubernetes.io/hostname") or "")


@rule("CACHE-009")
def test_a_download_job(admission: Admission, model_caches: ModelCaches) -> None:
    """The agent of a node creates the job for a new cache."""
    uri = _uri(admission)
    cache = model_caches.cache(uri)
    job = _job(model_caches, cache)
    container, pod = _container(job), _pod(job)
    assert container["args"] == [uri, MODELS]
    mount = next(one for one in container["volumeMounts"] if one["mountPath"] == MODELS)
    volume = next(one for one in pod["volumes"] if one["name"] == mount["name"])
    assert volume["persistentVolumeClaim"]["claimName"] == f"{cache}-{NODE_GROUP}"
    assert mount["subPath"] == model_caches.folder_of(cache, uri)
    assert not mount.get("readOnly")
    assert _node_of(pod) in model_caches.nodes()


@rule("CACHE-010")
def test_a_storage_container_for_download_jobs(admission: Admission, model_caches: ModelCaches) -> None:
    """A vendor declares an image for downloads into caches."""
    uri = _uri(admission)
    _for_jobs(admission, uri)
    assert _container(_job(model_caches, model_caches.cache(uri)))["image"] == IMAGE


@rule("CACHE-011")
@pytest.mark.parametrize("unfit", ["disabled", "for-pods"])
def test_a_storage_container_for_other_work(admission: Admission, model_caches: ModelCaches, unfit: str) -> None:
    """A storage container matches the URI, but it is disabled, or it is for the pods of services."""
    uri = _uri(admission)
    _for_jobs(admission, uri, **({"disabled": True} if unfit == "disabled" else {"workloadType": "initContainer"}))
    assert _container(_job(model_caches, model_caches.cache(uri)))["image"] != IMAGE


@rule("CACHE-012")
def test_the_default_image(admission: Admission, model_caches: ModelCaches, kserve_config: Configuration) -> None:
    """The operator sets the image that the documentation names for download jobs."""
    kserve_config.change(localModel={"defaultJobImage": IMAGE})
    assert _container(_job(model_caches, model_caches.cache(_uri(admission))))["image"] == IMAGE


@rule("CACHE-013")
def test_requests_and_limits(admission: Admission, model_caches: ModelCaches) -> None:
    """No storage container is declared for download jobs."""
    resources = _container(_job(model_caches, model_caches.cache(_uri(admission)))).get("resources") or {}
    assert set(resources.get("requests") or {}) >= {"cpu", "memory"}
    assert set(resources.get("limits") or {}) >= {"cpu", "memory"}


@rule("CACHE-014")
def test_credentials(admission: Admission, model_caches: ModelCaches) -> None:
    """The cache names a ServiceAccount of the jobs' namespace, which lists an S3 Secret."""
    name = admission.name("keys")
    data = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-of-jobs"}
    admission.create(secret(name, data), service_account(name, [name]), namespace=JOBS)
    job = _job(model_caches, model_caches.cache(_uri(admission), serviceAccountName=name))
    environment = {one["name"]: one for one in _container(job).get("env") or []}
    if missing := KEYS - set(environment):
        raise RuleViolation(f"the download job lacks {', '.join(sorted(missing))}")
    for variable in KEYS:
        reference = (environment[variable].get("valueFrom") or {}).get("secretKeyRef") or {}
        assert reference.get("name") == name
    assert "secret-of-jobs" not in str(job)


@rule("CACHE-015")
def test_missing_credentials(admission: Admission, model_caches: ModelCaches) -> None:
    """The ServiceAccount of the cache does not exist."""
    name = admission.name("forgotten")
    cache = model_caches.cache(_uri(admission), serviceAccountName=name)
    _job(model_caches, cache)
    if not admission.api.until(lambda: name in model_caches.told(cache), 5):
        raise RuleViolation(f"neither status nor events name the ServiceAccount: {model_caches.told(cache)}")


@rule("CACHE-016")
def test_one_cache_for_one_uri(admission: Admission, model_caches: ModelCaches) -> None:
    """A second cache of the same model would be a second copy."""
    uri = _uri(admission)
    first = model_caches.cache(uri)
    second = kubernetes.model_cache(admission.name("second"), uri, [NODE_GROUP])
    admission.api.until(lambda: admission.api.answer(second).stored is None, 5)
    answer = admission.api.submit(second)
    if answer.stored is not None:
        raise RuleViolation("the API server accepts a second cache of the same URI")
    admission.assert_words(answer.refusal, first, uri, cache=first, uri=uri)


@rule("CACHE-017")
def test_the_source_stays(admission: Admission, model_caches: ModelCaches) -> None:
    """An operator edits a cache to point to another model."""
    uri = _uri(admission)
    refusal = model_caches.change(model_caches.cache(uri), sourceModelUri=f"{uri}-2")
    if not refusal:
        raise RuleViolation("the API server accepts another source for an existing cache")
    admission.assert_words(refusal, "immutable")


@rule("CACHE-018")
def test_a_cache_in_use(admission: Admission, model_caches: ModelCaches) -> None:
    """An operator deletes a cache although a service reads from it."""
    uri = _uri(admission)
    cache = model_caches.cache(uri)
    service = kubernetes.inference_service(admission.name("service"), "conformance", {"storageUri": uri}, {})
    model_caches.use(cache, service)
    refusal = model_caches.delete(cache)
    if not refusal:
        raise RuleViolation("the API server accepts the deletion of a cache in use")
    admission.assert_words(
        refusal, cache, service["metadata"]["name"], cache=cache, service=service["metadata"]["name"]
    )


@rule("CACHE-019")
def test_a_cache_that_is_too_large(admission: Admission, model_caches: ModelCaches) -> None:
    """The model has four times the size that the node group has room for."""
    manifest = kubernetes.model_cache(admission.name("large"), _uri(admission), [NODE_GROUP], modelSize="4Gi")
    if admission.api.submit(manifest).stored is None:
        return
    cache = model_caches.cache(_uri(admission), modelSize="4Gi")
    states = model_caches.states(cache, ["NodeDownloadError"], 5)
    assert set(states.values()) == {"NodeDownloadError"}, f"the cache is accepted, and its state is {states}"
