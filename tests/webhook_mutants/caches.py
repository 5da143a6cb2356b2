"""Mutants of the local model cache: services, download jobs, and what a deleted cache leaves."""

from __future__ import annotations

from dataclasses import replace

from scenarios.cluster.admission import Answer
from scenarios.cluster.inference_services import Served
from scenarios.cluster.kubernetes import INTERNAL, Object
from scenarios.initializers.base import DEST
from tests.webhook_mutants.seams import answers, changes, defaulted, deletions, jobs, leftovers, running, states, told

#: The image of the storage containers for download jobs that the tests create.
IMAGE = "registry.example/team/downloader:2"
MARK = f"{INTERNAL}/localmodel"
_NO_REASON = "Internal error occurred: the request was denied"


def _unmark(service: Object) -> None:
    for kind in ("labels", "annotations"):
        found = service["metadata"].get(kind) or {}
        service["metadata"][kind] = {key: value for key, value in found.items() if not key.startswith(MARK)}


def _mark(service: Object) -> None:
    service["metadata"].setdefault("labels", {})[MARK] = "cache"


@defaulted("CACHE-005[source]", "CACHE-007[near]")
def no_service_is_cached(service: Object) -> None:
    """No service gets the label of a cache."""
    _unmark(service)


@defaulted("CACHE-005[one-level]")
def paths_below_are_not_cached(service: Object) -> None:
    """Only the very URI of a cache counts."""
    if service["metadata"].get("annotations", {}).get(f"{MARK}-sourceuri") != _uri(service):
        _unmark(service)


def _uri(service: Object) -> str:
    return str(service["spec"]["predictor"]["model"]["storageUri"])


@defaulted("CACHE-005[source]")
def the_claim_is_not_named(service: Object) -> None:
    """A marked service lacks the annotation with the PVC."""
    service["metadata"].get("annotations", {}).pop(f"{MARK}-pvc-name", None)


@defaulted("CACHE-006[longer]", "CACHE-006[parent]", "CACHE-006[scheme]")
def similar_uris_are_cached(service: Object) -> None:
    """Every service with a similar URI gets the label of the cache."""
    _mark(service)


@defaulted("CACHE-007[far]")
def the_first_group_is_always_used(service: Object) -> None:
    """The node group that a service names is passed over."""
    annotations = service["metadata"].get("annotations") or {}
    if claim := annotations.get(f"{MARK}-pvc-name"):
        annotations[f"{MARK}-pvc-name"] = claim.replace("-far", "-near")


@defaulted("CACHE-007[foreign]", "CACHE-008")
def every_service_is_cached(service: Object) -> None:
    """A service is marked although its nodes lack the model, or although the cache is declined."""
    _mark(service)


def _download(job: Object) -> Object:
    """Return the container of a download job."""
    found: Object = job["spec"]["template"]["spec"]["containers"][0]
    return found


@jobs("CACHE-009")
def jobs_fetch_into_a_folder_of_their_own(job: Object) -> None:
    """The second argument of the job is not the place of the claim."""
    _download(job)["args"][1] = "/tmp/models"  # noqa: S108 - nothing is written there


@jobs("CACHE-009")
def jobs_fetch_twice(job: Object) -> None:
    """The job has a second container."""
    job["spec"]["template"]["spec"]["containers"].append(_download(job))


@jobs("CACHE-009")
def jobs_fill_the_root_of_the_claim(job: Object) -> None:
    """Models of several caches share a folder."""
    for one in _download(job)["volumeMounts"]:
        one["subPath"] = "models"


@jobs("CACHE-009")
def jobs_may_not_write(job: Object) -> None:
    """The claim is mounted read-only."""
    for one in _download(job)["volumeMounts"]:
        one["readOnly"] = True


@jobs("CACHE-009")
def jobs_run_anywhere(job: Object) -> None:
    """The scheduler may choose another node than the one that lacks the model."""
    job["spec"]["template"]["spec"] |= {"nodeName": None, "nodeSelector": None}


@jobs("CACHE-010")
def jobs_have_the_usual_image(job: Object) -> None:
    """A storage container for download jobs is passed over."""
    _download(job)["image"] = "kserve/storage-initializer:latest"


@jobs("CACHE-011")
def jobs_have_any_image(job: Object) -> None:
    """Every storage container that matches runs download jobs."""
    _download(job)["image"] = IMAGE


@jobs("CACHE-012", "CACHE-013")
def jobs_have_no_settings(job: Object) -> None:
    """Neither the image nor the resources of KServe's ConfigMap reach the job."""
    _download(job)["image"] = "kserve/storage-initializer:latest"
    _download(job).pop("resources", None)


@jobs("CACHE-014")
def jobs_have_no_credentials(job: Object) -> None:
    """The ServiceAccount of a cache is not looked at."""
    _download(job)["env"] = []


@jobs("CACHE-014")
def jobs_have_credentials_as_values(job: Object) -> None:
    """Whoever may read jobs reads the secrets of the cache."""
    for one in _download(job).get("env") or []:
        one["name"] = one["name"].replace("SECRET", "OTHER")
    _download(job).setdefault("env", []).append({"name": "AWS_SECRET_ACCESS_KEY", "value": "secret-of-jobs"})


@told("CACHE-015")
def missing_credentials_are_only_logged(_told: str) -> str:
    """Neither the status nor an event has the reason."""
    return "{}"


@answers("CACHE-016")
def every_cache_is_admitted(answer: Answer) -> Answer:
    """A second cache of one URI is stored."""
    return answer if answer.stored is not None else replace(answer, stored=answer.sent, refusal="")


@answers("CACHE-016")
def caches_are_refused_without_a_reason(answer: Answer) -> Answer:
    """The refusal of a second cache does not name the first one."""
    return answer if answer.stored is not None else replace(answer, refusal=_NO_REASON)


@changes("CACHE-017")
def caches_change_their_source(_refusal: str) -> str:
    """A cache of one model becomes that of another."""
    return ""


@changes("CACHE-017")
def changes_are_refused_without_a_reason(refusal: str) -> str:
    """The refusal does not explain that the source is immutable."""
    return refusal and _NO_REASON


@deletions("CACHE-018")
def caches_in_use_go(_refusal: str) -> str:
    """The deletion of a cache in use is accepted."""
    return ""


@deletions("CACHE-018")
def deletions_are_refused_without_a_reason(refusal: str) -> str:
    """The refusal does not name the service that uses the cache."""
    return refusal and _NO_REASON


@states("CACHE-019", "CACHE-020", "CACHE-021")
def downloads_never_end(found: dict[str, str]) -> dict[str, str]:
    """The status reports a download that goes on."""
    return dict.fromkeys(found, "NodeDownloading")


@states("CACHE-021")
def every_download_succeeds(found: dict[str, str]) -> dict[str, str]:
    """A model that is not there is reported as downloaded."""
    return dict.fromkeys(found, "NodeDownloaded")


@running("CACHE-020")
def cached_models_are_empty(served: Served) -> Served:
    """The model server sees an empty folder."""
    if served.inspection is None:
        return served
    return replace(served, inspection=replace(served.inspection, trees={DEST: {}}))


@leftovers("CACHE-022", "CACHE-023", "CACHE-024")
def folders_stay(found: list[str]) -> list[str]:
    """A deleted cache leaves its files on the node."""
    return [*found, "folder models/iris"]
